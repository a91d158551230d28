package database

import (
	"context"
	"fmt"
	"time"
)

// GatewayGone is how long no gateway must have been seen before there is none any more.
const GatewayGone = 5 * time.Minute

// A LastGateway is what is known of the gateways of all processes.
type LastGateway struct {
	Address string `db:"address"` // of one that lives, else of the one that was seen last; empty: none is known
	Gone    bool   `db:"gone"`    // none was seen for [GatewayGone], and it would have been
}

// LastGateway looks for a gateway, for TLS or for plain clients. That none was seen
// counts only if the process that asks could write its own heartbeat all the time: else
// the others could not either. Nor does it while a process of an earlier version lives,
// which does not say whether it has a gateway.
func (db *DB) LastGateway(ctx context.Context, process string, tls bool) (LastGateway, error) {
	column := "gatewayAddress"
	if tls {
		column = "gatewayTLSAddress"
	}
	gone, beat, dead := int(GatewayGone/time.Second), int(TakesWrites/time.Second), int(DeadAfter/time.Second)
	var g LastGateway
	err := db.GetContext(ctx, &g, `
		SELECT
			COALESCE((
				SELECT `+column+` FROM processes WHERE `+column+` <> ''
				ORDER BY CASE WHEN stopped IS NULL AND seen > `+db.SecondsAgo()+` THEN 0 ELSE 1 END, seen DESC LIMIT 1), '') AS address,
			NOT EXISTS (SELECT 1 FROM processes WHERE `+column+` <> '' AND seen > `+db.SecondsAgo()+`)
				AND NOT EXISTS (SELECT 1 FROM leases WHERE name = 'heartbeat' AND expires > `+db.SecondsAgo()+`)
				AND EXISTS (SELECT 1 FROM processes WHERE id = ? AND steady <= `+db.SecondsAgo()+` AND seen > `+db.SecondsAgo()+`) AS gone`,
		dead, gone, gone, process, gone, beat)
	if err != nil {
		return LastGateway{}, fmt.Errorf("look for a gateway: %w", err)
	}
	return g, nil
}
