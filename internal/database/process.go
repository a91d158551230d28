package database

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	// DeadAfter is how long after its last heartbeat a process is taken for dead.
	DeadAfter = 30 * time.Second

	keepProcesses = 24 * time.Hour
)

// ErrNoSchema means that the tables of this service are gone, or are not those any
// more that the process began with.
var ErrNoSchema = errors.New("the tables of this service are gone (migrate --down, or another database of that name): start anew")

// A Process is one that works with the database, as its row tells the others.
type Process struct {
	ID         string `db:"id"` // random
	DatabaseID string `db:"-"`  // of the database that it began with
	Kind       string `db:"kind"`
	Version    string `db:"version"`
	Instance   string `db:"instance"`
	Machine    string `db:"machine"` // where it runs, for people

	// Where its gateway is, as the settings say; empty: it has none.
	GatewayAddress    string `db:"gatewayAddress"`
	GatewayTLSAddress string `db:"gatewayTLSAddress"`

	Pool string    `db:"pool"` // the hosts, limits and ports that it works with
	Seen time.Time `db:"seen"` // its last heartbeat
}

// String names the process for people.
func (p Process) String() string {
	text := p.Kind
	if p.Instance != "" {
		text += fmt.Sprintf(" %q", p.Instance)
	}
	if p.Machine != "" {
		text += " on " + p.Machine
	}
	return fmt.Sprintf("%s (last seen %s)", text, p.Seen.UTC().Format("15:04:05 UTC"))
}

// A LivingError says which processes still work with the database.
type LivingError struct{ Processes []Process }

// Error names them.
func (e *LivingError) Error() string {
	names := make([]string, len(e.Processes))
	for i, p := range e.Processes {
		names[i] = p.String()
	}
	return fmt.Sprintf("processes still work with this database: %s; stop them first (one that was killed counts for dead %s later)",
		strings.Join(names, ", "), DeadAfter)
}

// NewProcessID returns a random id.
func NewProcessID() string {
	id := make([]byte, 16)
	rand.Read(id) // never fails
	return hex.EncodeToString(id)
}

// Register makes p known to the others, and forgets those that were not seen for a
// day, and what an attempt of its own has left whose answer was lost. While another process migrates it waits, so that who is known was known
// before, or finds what came of it: [ErrNoSchema].
func (db *DB) Register(ctx context.Context, p Process) error {
	err := db.locked(ctx, func(pool *sql.DB) error {
		if err := exec(ctx, pool, `DELETE FROM processes WHERE id = ? OR seen < `+db.SecondsAgo(), p.ID, int(keepProcesses/time.Second)); err != nil {
			return err
		}
		res, err := pool.ExecContext(ctx, `
			INSERT INTO processes (id, kind, version, instance, machine, started, seen, steady, gatewayAddress, gatewayTLSAddress, pool, sums)
			SELECT ?, ?, ?, ?, ?, `+db.Now()+`, `+db.Now()+`, `+db.Now()+`, ?, ?, ?, TRUE FROM pool WHERE databaseId = ?`,
			p.ID, p.Kind, cut(p.Version), cut(p.Instance), cut(p.Machine), p.GatewayAddress, p.GatewayTLSAddress, p.Pool, p.DatabaseID)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); n > 0 || err != nil {
			return err
		}
		return ErrNoSchema
	})
	if err != nil {
		return fmt.Errorf("register process: %w", schemaError(err))
	}
	return nil
}

// cut shortens what people may make as long as they like.
func cut(text string) string {
	if runes := []rune(text); len(runes) > 255 {
		return string(runes[:255])
	}
	return text
}

// Beat tells that p lives. It is also the proof that the database takes writes:
// whatever refuses sessions for all rows (a server that is read-only, a full disk, a
// writer that is stuck on SQLite) refuses this too; and it waits for nobody's claim,
// whose lock is another row. A row that is gone is made again.
func (db *DB) Beat(ctx context.Context, p Process) error {
	var known bool
	err := InTx(ctx, db, func(tx *sqlx.Tx) error {
		// MySQL sets columns from left to right: the first one sees the old value of the second.
		res, err := tx.ExecContext(ctx, `
			UPDATE processes SET
				steady = CASE WHEN seen < `+db.SecondsAgo()+` THEN `+db.Now()+` ELSE steady END,
				seen = `+db.Now()+`
			WHERE id = ?`, int(TakesWrites/time.Second), p.ID)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		known = n > 0
		return err
	})
	if err != nil {
		return fmt.Errorf("write heartbeat: %w", schemaError(err))
	}
	if !known {
		return db.Register(ctx, p)
	}
	return nil
}

// SetPool notes that a process works with other hosts than before.
func (db *DB) SetPool(ctx context.Context, id, pool string) error {
	if _, err := db.ExecContext(ctx, `UPDATE processes SET pool = ? WHERE id = ?`, pool, id); err != nil {
		return fmt.Errorf("note the hosts of the process: %w", err)
	}
	return nil
}

// EndProcess notes that a process ended as it should. Its row stays: what it says of
// the gateway may be needed.
func (db *DB) EndProcess(ctx context.Context, id string) error {
	if _, err := db.ExecContext(ctx, `UPDATE processes SET stopped = `+db.Now()+` WHERE id = ?`, id); err != nil {
		return fmt.Errorf("note the end of the process: %w", err)
	}
	return nil
}

// Living returns the processes that are not stopped, and not dead.
func (db *DB) Living(ctx context.Context) ([]Process, error) {
	var list []Process
	err := sqlx.SelectContext(ctx, db, &list, living(db), int(DeadAfter/time.Second))
	if err != nil {
		return nil, fmt.Errorf("look up processes: %w", err)
	}
	return list, nil
}

func living(db *DB) string {
	return `SELECT id, kind, version, instance, machine, gatewayAddress, gatewayTLSAddress, COALESCE(pool, '') AS pool, seen
		FROM processes WHERE stopped IS NULL AND seen > ` + db.SecondsAgo() + ` ORDER BY started, id`
}

// RefuseLiving returns a [LivingError] if any process lives.
func (db *DB) RefuseLiving(ctx context.Context) error { return db.refuseLiving(ctx, db) }

// refuseLiving also finds processes of an earlier version: such beat in a row of leases
// that all of them share, and do not say when they stop.
func (db *DB) refuseLiving(ctx context.Context, q sqlx.QueryerContext) error {
	seconds := int(DeadAfter / time.Second)
	var list, old []Process
	err := errors.Join(
		sqlx.SelectContext(ctx, q, &list, living(db), seconds),
		sqlx.SelectContext(ctx, q, &old, `
			SELECT 'distributor of an earlier version' AS kind, expires AS seen
			FROM leases WHERE name = 'heartbeat' AND expires > `+db.SecondsAgo(), seconds))
	if err != nil {
		return fmt.Errorf("look up processes: %w", err)
	}
	if list = append(list, old...); len(list) > 0 {
		return &LivingError{list}
	}
	return nil
}

// schemaError says of an error that a table is missing, if that is what it means.
func schemaError(err error) error {
	missing := mysqlNumber(err) == 1146 ||
		sqliteCode(err) == sqlite3.SQLITE_ERROR && strings.Contains(err.Error(), "no such table")
	if missing {
		return fmt.Errorf("%w: %w", ErrNoSchema, err)
	}
	return err
}
