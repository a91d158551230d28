package database_test

import (
	"testing"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
)

// TestLastGateway: where a session behind a gateway is reached, as far as a process
// without one can know.
func TestLastGateway(t *testing.T) {
	const (
		young = `UPDATE processes SET steady = %now WHERE id = 'me'`
		off   = `UPDATE processes SET seen = CASE id WHEN 'new' THEN %ago(301) ELSE %ago(310) END WHERE id <> 'me'`
	)
	for _, tt := range []struct {
		name   string
		change []string
		want   database.LastGateway
	}{
		{"two live", nil, database.LastGateway{Address: "new:1"}},
		{"the last one was stopped", []string{`UPDATE processes SET stopped = %now WHERE id = 'new'`}, database.LastGateway{Address: "old:1"}},
		{"both were stopped", []string{`UPDATE processes SET stopped = %now WHERE id <> 'me'`}, database.LastGateway{Address: "new:1"}},
		{"not seen for five minutes", []string{off}, database.LastGateway{Address: "new:1", Gone: true}},
		{"one dead, one stopped since", []string{`UPDATE processes SET seen = %ago(100) WHERE id = 'old'`, `UPDATE processes SET stopped = %now, seen = %ago(90) WHERE id = 'new'`},
			database.LastGateway{Address: "new:1"}},
		{"not seen, by a process that began just now", []string{off, young}, database.LastGateway{Address: "new:1"}},
		{"not seen, by a process that is not seen either", []string{off, `UPDATE processes SET seen = %ago(25) WHERE id = 'me'`}, database.LastGateway{Address: "new:1"}},
		{"not seen, beside an earlier version", []string{off, `INSERT INTO leases (name, holder, expires) VALUES ('heartbeat', '', %ago(290))`}, database.LastGateway{Address: "new:1"}},
		{"not seen, an earlier version long ago", []string{off, `INSERT INTO leases (name, holder, expires) VALUES ('heartbeat', '', %ago(301))`}, database.LastGateway{Address: "new:1", Gone: true}},
		{"none known yet", []string{`DELETE FROM processes WHERE id <> 'me'`, young}, database.LastGateway{}},
		{"none known", []string{`DELETE FROM processes WHERE id <> 'me'`}, database.LastGateway{Gone: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			databasetest.Each(t, func(t *testing.T, db *database.DB) {
				mustExec(t, db, expand(db, `INSERT INTO processes (id, kind, started, seen, steady, gatewayAddress, gatewayTLSAddress) VALUES
					('me', 'distributor', %ago(400), %now, %ago(400), '', ''),
					('old', 'distributor', %ago(400), %ago(10), %ago(400), 'old:1', 'old:2'),
					('new', 'distributor', %ago(400), %ago(5), %ago(400), 'new:1', '')`))
				for _, statement := range tt.change {
					mustExec(t, db, expand(db, statement))
				}
				if got, err := db.LastGateway(t.Context(), "me", false); got != tt.want || err != nil {
					t.Errorf("LastGateway = %+v, %v; want %+v", got, err, tt.want)
				}
			})
		})
	}
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		mustExec(t, db, expand(db, `INSERT INTO processes (id, kind, started, seen, steady, gatewayAddress, gatewayTLSAddress) VALUES
			('a', 'distributor', %now, %ago(20), %now, 'a:1', 'a:2'), ('b', 'distributor', %now, %now, %now, 'b:1', '')`))
		if got, err := db.LastGateway(t.Context(), "b", true); got.Address != "a:2" || err != nil {
			t.Errorf("for TLS: %+v, %v; want a:2, since the other has none", got, err)
		}
	})
}

// TestHeartbeatTellsSinceWhenItWasSteady: a gap is one by the database's clock.
func TestHeartbeatTellsSinceWhenItWasSteady(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		p := register(t, db, "a")
		steadyFor := func(pause int) (fresh bool) {
			t.Helper()
			mustExec(t, db, expand(db, `UPDATE processes SET steady = %ago(400)`))
			seen(t, db, p, pause)
			if err := db.Beat(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			if err := db.Get(&fresh, expand(db, `SELECT steady > %ago(300) FROM processes`)); err != nil {
				t.Fatal(err)
			}
			return fresh
		}
		if steadyFor(12) {
			t.Error("a heartbeat in time begins anew")
		}
		if !steadyFor(25) {
			t.Error("a heartbeat after a gap goes on as if there had been none")
		}
	})
}
