package database

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// On MySQL each statement that makes, renames or drops a table is committed by
// itself. So new tables are made and filled under names of their own, and put in
// place of the old ones by a single RENAME. Before it nothing has changed, after
// it all has; tables of these names are never worth keeping.
const (
	newPrefix = "distributor_new_"
	oldPrefix = "distributor_old_"
)

// sharedTables returns the names of tables that the original has too.
func sharedTables() []string { return []string{"sessions", "statistics"} }

// ownTables returns the names of tables that only we have.
func ownTables() []string {
	return []string{"pool", "hosts", "leases", "processes", "counters", "journal", "journalSums", "statisticsHours", "accounts", "portalKeys", "endings", "logouts"}
}

// replaced returns the names of all tables that [Down] removes or replaces.
func replaced() []string { return slices.Concat(sharedTables(), ownTables(), []string{versionTable}) }

// The original wrote times in the server's zone.
const (
	toUTC   = `COALESCE(CONVERT_TZ(%[1]s, @@global.time_zone, '+00:00'), %[1]s)`
	fromUTC = `COALESCE(CONVERT_TZ(%[1]s, '+00:00', @@global.time_zone), %[1]s)`
)

// takeOver is the first step on MySQL: it makes our tables, with what the
// original had in its own. Tx only keeps the connection: the transaction ends with
// the first CREATE.
func takeOver(ctx context.Context, tx *sql.Tx) error {
	sessions, err := columns(ctx, tx, "sessions")
	if err != nil {
		return err
	}
	if isOurs(sessions) {
		return nil // a process was killed after RENAME, before it recorded the step
	}
	statistics, err := columns(ctx, tx, "statistics")
	if err != nil {
		return err
	}
	if err := refuseForeign(ctx, tx, sessions, statistics); err != nil {
		return err
	}
	if err := createTables(ctx, tx, "mysql/00001_tables", newPrefix); err != nil {
		return err
	}
	if err := fill(ctx, tx, sessions, statistics); err != nil {
		return err
	}
	var rename []string
	if len(sessions) > 0 {
		rename = append(rename, renameToOld("sessions"))
	}
	if len(statistics) > 0 {
		rename = append(rename, renameToOld("statistics"))
	}
	for _, table := range []string{"sessions", "statistics", "pool", "hosts"} {
		rename = append(rename, renameFromNew(table))
	}
	if err := exec(ctx, tx, `RENAME TABLE `+strings.Join(rename, ", ")); err != nil {
		return err
	}
	return dropLeftovers(ctx, tx)
}

func renameToOld(table string) string   { return table + " TO " + oldPrefix + table }
func renameFromNew(table string) string { return newPrefix + table + " TO " + table }

// dropLeftovers drops the tables of an attempt that is over, or was given up.
func dropLeftovers(ctx context.Context, db querier) error {
	var names []any
	for _, table := range replaced() {
		names = append(names, newPrefix+table, oldPrefix+table)
	}
	found, err := collect[string](ctx, db, `
		SELECT TABLE_NAME FROM information_schema.TABLES
		WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN (?`+strings.Repeat(", ?", len(names)-1)+`)`, names...)
	if err != nil || len(found) == 0 {
		return err
	}
	return exec(ctx, db, `DROP TABLE `+strings.Join(found, ", "))
}

// columns returns the names of a table's columns, none if it does not exist.
func columns(ctx context.Context, db querier, table string) ([]string, error) {
	return collect[string](ctx, db, `
		SELECT COLUMN_NAME FROM information_schema.COLUMNS
		WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?`, table)
}

// isOurs reports whether a table sessions with these columns is ours, and not the
// original's.
func isOurs(sessions []string) bool { return slices.Contains(sessions, "slot") }

// refuseForeign returns an error if tables of our names are a third program's. The
// original's have at least the columns that are asked for; some of its versions have
// more.
func refuseForeign(ctx context.Context, db querier, sessions, statistics []string) error {
	known := []struct {
		table     string
		got, want []string
	}{
		{"sessions", sessions, strings.Fields("id clientIp clientUserAgent wrpContainerId containerHost port started lastUsed")},
		{"statistics", statistics, strings.Fields("id activeSessions containersRunningTotal remainingContainersTotal containerHostsAvailable containersInUsePerHost timeOfCapture")},
	}
	for _, k := range known {
		for _, column := range k.want {
			if len(k.got) > 0 && !slices.Contains(k.got, column) {
				return fmt.Errorf("table %s is not that of the PHP distributor (it has no column %s): use a database of its own", k.table, column)
			}
		}
	}
	for _, table := range ownTables() {
		got, err := columns(ctx, db, table)
		if err != nil {
			return err
		}
		if len(got) > 0 {
			return fmt.Errorf("there is a table %s of another program: use a database of its own", table)
		}
	}
	return nil
}

// fill puts into the new tables what the original's have, whose columns are
// given; none: there is no such table.
func fill(ctx context.Context, db querier, sessions, statistics []string) error {
	if err := namePool(ctx, db, newPrefix+"pool"); err != nil {
		return err
	}
	if len(sessions) > 0 {
		if err := fillSessions(ctx, db); err != nil {
			return err
		}
	}
	if len(statistics) == 0 {
		return nil
	}
	clients := "0" // the first versions did not count them
	if slices.Contains(statistics, "uniqueClientIps") {
		clients = "uniqueClientIps"
	}
	return fillStatistics(ctx, db, clients, toUTC)
}

func fillStatistics(ctx context.Context, db querier, clients, shift string) error {
	const same = `id, activeSessions, containersRunningTotal, remainingContainersTotal, containerHostsAvailable, containersInUsePerHost`
	return exec(ctx, db, `
		INSERT INTO `+newPrefix+`statistics (`+same+`, uniqueClientIps, timeOfCapture)
		SELECT `+same+`, `+clients+`, `+fmt.Sprintf(shift, "timeOfCapture")+`
		FROM statistics ORDER BY id`)
}

func fillSessions(ctx context.Context, db querier) error {
	originals, err := readOriginals(ctx, db)
	if err != nil {
		return err
	}
	for _, s := range adopt(originals) {
		err := exec(ctx, db, `
			INSERT INTO `+newPrefix+`sessions (id, clientIp, clientUserAgent, identity, wrpContainerId, containerHost, slot, port, state, started, lastUsed)
			SELECT id, ?, clientUserAgent, ?, wrpContainerId, containerHost, ?, ?, ?, `+fmt.Sprintf(toUTC, "started")+`, UTC_TIMESTAMP()
			FROM sessions WHERE id = ?`, s.ip, s.identity, s.slot, s.port.V, s.state, s.id)
		if err != nil {
			return fmt.Errorf("take over session %d: %w", s.id, err)
		}
	}
	// New sessions must not get the id of one that was not taken over. Inserting a row
	// moves the counter, and deleting it does not move it back.
	err = exec(ctx, db, `
		INSERT INTO `+newPrefix+`sessions (id, containerHost, slot, port, state, started)
		SELECT id + 1, '', 0, 0, '', UTC_TIMESTAMP() FROM sessions ORDER BY id DESC LIMIT 1`)
	if err != nil {
		return err
	}
	return exec(ctx, db, `DELETE FROM `+newPrefix+`sessions WHERE containerHost = ''`)
}

// readOriginals returns the original's sessions whose container can be found: it
// has an id, and a host.
func readOriginals(ctx context.Context, db querier) ([]original, error) {
	rows, err := db.QueryContext(ctx, `
		SELECT id, clientIp, clientUserAgent, containerHost, port, COALESCE(lastUsed, started)
		FROM sessions
		WHERE wrpContainerId <> '' AND containerHost <> ''
		ORDER BY id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []original
	for rows.Next() {
		var o original
		if err := rows.Scan(&o.id, &o.ip, &o.userAgent, &o.host, &o.port, &o.used); err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, rows.Err()
}
