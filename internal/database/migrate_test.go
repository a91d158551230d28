package database_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/proctest"
)

// TestMigrateTogether lets eight processes start at once on one database, each
// with connections of its own.
func TestMigrateTogether(t *testing.T) {
	tests := []struct {
		name   string
		config func(t *testing.T) database.Config
	}{
		{"sqlite", func(t *testing.T) database.Config { return databasetest.Config(t, "sqlite") }},
		{"mysql", func(t *testing.T) database.Config { return databasetest.Config(t, "mysql") }},
		{"original", func(t *testing.T) database.Config { cfg, _ := original(t); return cfg }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := tt.config(t)
			ids := make([]string, 8)
			var wg sync.WaitGroup
			for i := range ids {
				wg.Go(func() {
					db, err := database.OpenAndMigrate(t.Context(), cfg)
					if err != nil {
						t.Error(err)
						return
					}
					defer db.Close()
					if ids[i], err = db.DatabaseID(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if len(ids[0]) != 32 || fmt.Sprint(ids) != fmt.Sprint([]string{ids[0], ids[0], ids[0], ids[0], ids[0], ids[0], ids[0], ids[0]}) {
				t.Errorf("database ids = %q, want one of 32 digits", ids)
			}
			var twice int
			db := databasetest.Open(t, cfg)
			if err := db.Get(&twice, `SELECT COUNT(*) - COUNT(DISTINCT version_id) FROM distributor_migrations`); err != nil || twice != 0 {
				t.Errorf("%d steps were recorded more than once, %v", twice, err)
			}
		})
	}
}

// TestMigrateWaits checks that a process which migrates for ever does not keep
// others waiting for ever, and does not hinder those on other databases.
func TestMigrateWaits(t *testing.T) {
	t.Parallel() // it mostly waits
	t.Run("mysql", func(t *testing.T) {
		cfg := databasetest.Config(t, "mysql")
		holder, err := raw(t, cfg).Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer holder.Close()
		if _, err := holder.ExecContext(t.Context(), `SELECT GET_LOCK(CONCAT('wrp-distributor.', LEFT(SHA2(DATABASE(), 256), 32)), 0)`); err != nil {
			t.Fatal(err)
		}
		checkWaits(t, cfg, cfg.MySQL.DBName)
		databasetest.NewMySQL(t)
	})
	t.Run("sqlite", func(t *testing.T) {
		cfg := databasetest.Config(t, "sqlite")
		unlock, err := database.LockFile(t.Context(), cfg.Path+".lock", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		defer unlock()
		checkWaits(t, cfg, cfg.Path)
	})
}

func checkWaits(t *testing.T, cfg database.Config, name string) {
	t.Helper()
	db, err := database.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetLockWait(time.Second)
	err = db.Migrate(t.Context())
	if err == nil || !strings.Contains(err.Error(), "another process") || !strings.Contains(err.Error(), name) {
		t.Errorf("Migrate beside another one = %v, want an error that names %s", err, name)
	}
	db.SetLockWait(time.Minute)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := db.Migrate(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Migrate with a deadline = %v, want that", err)
	}
}

// TestLockLost breaks the connection that holds the lock while the process lives
// on: it must not go on without the lock.
func TestLockLost(t *testing.T) {
	cfg := databasetest.Config(t, "mysql")
	var locked, broken bool
	err := new(cutter).run(t, cfg, func(sent []byte) bool {
		first := locked && !broken
		locked, broken = locked || bytes.Contains(sent, []byte("GET_LOCK")), locked
		return first
	}, func(_ context.Context, db *database.DB) error { return db.Migrate(t.Context()) })
	if err == nil {
		t.Error("Migrate went on after it had lost the lock")
	}
}

// A countdown is a context that ends when it has been looked at so many times.
type countdown struct {
	context.Context
	end  context.CancelFunc
	left *atomic.Int64
}

func (c countdown) Done() <-chan struct{} {
	if c.left.Add(-1) == 0 {
		c.end()
	}
	return c.Context.Done()
}

func TestMigrateSQLiteCancelled(t *testing.T)    { cancelSQLite(t, 43) }
func TestE2EMigrateSQLiteCancelled(t *testing.T) { proctest.E2E(t); cancelSQLite(t, 9) }

// cancelSQLite ends the migration's context early and late, each time after so many more
// looks at it, and expects the next run to do the rest.
func cancelSQLite(t *testing.T, more int64) {
	t.Helper()
	cancelled := 0
	for looks := int64(1); cancelAndMigrate(t, looks) && !t.Failed(); looks += more {
		cancelled++
	}
	if cancelled < 5 && !t.Failed() {
		t.Errorf("cancelled %d times: was the migration interrupted at all?", cancelled)
	}
}

// cancelAndMigrate reports whether the first run was cancelled.
func cancelAndMigrate(t *testing.T, looks int64) (cancelled bool) {
	t.Helper()
	db, err := database.Open(t.Context(), databasetest.Config(t, "sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx := countdown{left: new(atomic.Int64)}
	ctx.Context, ctx.end = context.WithCancel(t.Context())
	defer ctx.end()
	ctx.left.Store(looks)
	cancelled = db.Migrate(ctx) != nil
	if err := db.Migrate(t.Context()); err != nil {
		t.Errorf("after a migration cancelled at the %d. look: %v", looks, err)
	}
	if _, err := db.DatabaseID(t.Context()); err != nil {
		t.Error(err)
	}
	return cancelled
}

// TestMigrateReadOnlyFolder checks that the error says what cannot be written.
func TestMigrateReadOnlyFolder(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root can write everywhere")
	}
	cfg := databasetest.Config(t, "sqlite")
	os.Chmod(filepath.Dir(cfg.Path), 0o500)
	if _, err := database.OpenAndMigrate(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), cfg.Path) {
		t.Errorf("OpenAndMigrate in a folder that cannot be written = %v, want an error naming %s", err, cfg.Path)
	}
}
