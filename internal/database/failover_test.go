package database_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"

	"github.com/jmoiron/sqlx"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
)

// A failover is two servers behind one name, which leads to the second once switched
// is set.
type failover struct {
	first, second string
	switched      atomic.Bool
}

func (f *failover) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if addr == f.first && f.switched.Load() {
		addr = f.second
	}
	return new(net.Dialer).DialContext(ctx, network, addr)
}

// TestFailoverLeavesOldPrimary makes a primary read-only while it goes on, as a planned
// failover does, with many kept connections to it. The very next write, in a
// transaction or not, must reach the new one.
func TestFailoverLeavesOldPrimary(t *testing.T) {
	t.Parallel() // it mostly waits
	old, successor := databasetest.Server(t), databasetest.Server(t)
	cfg, next := old.Config(t), successor.Config(t)
	next.MySQL.DBName = cfg.MySQL.DBName
	mustExec(t, raw(t, successor.Config(t)), `CREATE DATABASE `+cfg.MySQL.DBName)
	databasetest.Open(t, cfg)
	databasetest.Open(t, next)
	for _, c := range []database.Config{cfg, next} {
		// An account that read_only applies to.
		mustExec(t, raw(t, c), `CREATE USER 'plain'@'%' IDENTIFIED BY 'plain'; GRANT ALL ON `+cfg.MySQL.DBName+`.* TO 'plain'@'%'`)
	}
	name := &failover{first: cfg.MySQL.Addr, second: next.MySQL.Addr}
	plain := database.Config{MySQL: cfg.MySQL.Clone()}
	plain.MySQL.User, plain.MySQL.Passwd, plain.MySQL.DialFunc = "plain", "plain", name.dial
	writes := map[string]func(*database.DB) error{
		"a statement": func(db *database.DB) error {
			_, err := db.Exec(`UPDATE pool SET description = 'x'`)
			return err
		},
		"a transaction": func(db *database.DB) error {
			return database.InTx(t.Context(), db, func(tx *sqlx.Tx) error {
				if err := database.LockPool(t.Context(), tx); err != nil {
					return err
				}
				_, err := tx.Exec(`UPDATE pool SET description = 'x'`)
				return err
			})
		},
	}
	for what, write := range writes {
		name.switched.Store(false)
		mustExec(t, raw(t, cfg), `SET GLOBAL read_only = OFF`)
		db := databasetest.Open(t, plain)
		keepConnections(t, db, 12)
		mustExec(t, raw(t, cfg), `SET GLOBAL read_only = ON`)
		if err := write(db); !database.IsUnavailable(err) {
			t.Errorf("%s while no server takes it = %v, want an outage", what, err)
		}
		keepConnections(t, db, 12)
		name.switched.Store(true)
		if err := write(db); err != nil {
			t.Errorf("%s after the failover = %v, want it on the new primary", what, err)
		}
	}
}

// keepConnections leaves so many idle connections behind.
func keepConnections(t *testing.T, db *database.DB, n int) {
	t.Helper()
	for range n {
		conn, err := db.Connx(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() // at the end: each round has a connection of its own
	}
}
