package database_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"

	"github.com/jmoiron/sqlx"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
)

func TestInTx(t *testing.T) {
	boom := errors.New("boom")
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		for _, want := range []error{boom, nil} {
			runs := 0
			err := database.InTx(t.Context(), db, func(tx *sqlx.Tx) error {
				runs++
				mustExec(t, tx, `DELETE FROM pool`)
				return want
			})
			if !errors.Is(err, want) || runs != 1 {
				t.Errorf("InTx = %v after %d runs, want %v after one", err, runs, want)
			}
			var pools int
			if err := db.Get(&pools, `SELECT COUNT(*) FROM pool`); err != nil || (pools == 1) != (want != nil) {
				t.Errorf("after %v there are %d pools, %v", want, pools, err)
			}
		}
	})
}

// TestInTxDeadlock makes two transactions lock two rows in opposite order. The
// server breaks one off; run again, it must come through, and both count.
func TestInTxDeadlock(t *testing.T) {
	db := databasetest.NewMySQL(t)
	insert(t, db, "a", 0)
	insert(t, db, "b", 0)
	var both sync.WaitGroup // have locked their first row, in their first run
	both.Add(2)
	runs := make([]int, 2)
	var wg sync.WaitGroup
	for i, hosts := range [][]string{{"a", "b"}, {"b", "a"}} {
		wg.Go(func() {
			err := database.InTx(t.Context(), db, func(tx *sqlx.Tx) error {
				runs[i]++
				for n, host := range hosts {
					if _, err := tx.Exec(`UPDATE sessions SET slot = slot + 1 WHERE containerHost = ?`, host); err != nil {
						return err
					}
					if n == 0 && runs[i] == 1 {
						both.Done()
						both.Wait()
					}
				}
				return nil
			})
			if err != nil {
				t.Errorf("transaction %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if runs[0]+runs[1] != 3 {
		t.Errorf("runs = %v, want one of them to run twice", runs)
	}
	var slots []int
	if err := db.Select(&slots, `SELECT slot FROM sessions`); err != nil || len(slots) != 2 || slots[0] != 2 || slots[1] != 2 {
		t.Errorf("slots = %v, %v; want each raised twice", slots, err)
	}
}

// TestExecRunsAgain has a statement that conflicts with others twice.
func TestExecRunsAgain(t *testing.T) {
	db := databasetest.NewMySQL(t)
	mustExec(t, db, `UPDATE pool SET description = ''`)
	mustExec(t, db, `CREATE PROCEDURE conflict() BEGIN
		UPDATE pool SET description = CONCAT(description, 'x');
		IF (SELECT CHAR_LENGTH(description) FROM pool) < 3 THEN
			SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213;
		END IF;
	END`)
	_, err := database.Exec(t.Context(), db, `CALL conflict()`)
	var runs string
	if getErr := db.Get(&runs, `SELECT description FROM pool`); err != nil || getErr != nil || runs != "xxx" {
		t.Errorf("Exec = %v after %d runs, %v; want success in the third", err, len(runs), getErr)
	}
}

// TestInTxGivesUp checks that a conflict which does not end is not retried for
// ever, ends with the caller's context, and counts as a busy database.
func TestInTxGivesUp(t *testing.T) {
	t.Parallel() // it mostly waits
	db := databasetest.NewMySQL(t)
	conflict := func(tx *sqlx.Tx) error {
		_, err := tx.Exec(`SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213`)
		return err
	}
	runs := 0
	err := database.InTx(ofItself(t), db, func(tx *sqlx.Tx) error { runs++; return conflict(tx) })
	if !database.IsUnavailable(err) || runs < 2 {
		t.Errorf("InTx = %v after %d runs, want a conflict after some", err, runs)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = database.InTx(ctx, db, func(tx *sqlx.Tx) error { cancel(); return sql.ErrTxDone }) // as statements say then
	if !errors.Is(err, context.Canceled) {
		t.Errorf("InTx with a transaction ended by its context = %v, want that", err)
	}
	err = database.InTx(ctx, db, conflict)
	if !errors.Is(err, context.Canceled) || database.IsUnavailable(err) {
		t.Errorf("InTx with a cancelled context = %v, want that", err)
	}
}

// TestInTxBusy has another process write to the SQLite file: InTx waits for it.
func TestInTxBusy(t *testing.T) {
	cfg := databasetest.Config(t, "sqlite")
	db, other := databasetest.Open(t, cfg), databasetest.Open(t, cfg)
	tx := other.MustBegin()
	mustExec(t, tx, `DELETE FROM pool`)
	done := make(chan error)
	go func() {
		done <- database.InTx(t.Context(), db, func(tx *sqlx.Tx) error {
			var pools int
			if err := tx.Get(&pools, `SELECT COUNT(*) FROM pool`); err != nil || pools != 0 {
				t.Errorf("pools = %d, %v; want what the other has committed", pools, err)
			}
			return nil
		})
	}()
	eventually(t, "InTx begins", func() bool { return db.Stats().InUse > 0 })
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("InTx = %v, want it to wait for the other", err)
	}
}

// TestLockPool counts up in a way that only works one at a time, from two
// processes with many goroutines each.
func TestLockPool(t *testing.T) {
	const each = 16
	for _, dialect := range []string{"sqlite", "mysql"} {
		t.Run(dialect, func(t *testing.T) {
			cfg := databasetest.Config(t, dialect)
			dbs := []*database.DB{databasetest.Open(t, cfg), databasetest.Open(t, cfg)}
			insert(t, dbs[0], "a", 0)
			var wg sync.WaitGroup
			for i := range each * len(dbs) {
				wg.Go(func() {
					err := database.InTx(t.Context(), dbs[i%len(dbs)], func(tx *sqlx.Tx) error {
						if err := database.LockPool(t.Context(), tx); err != nil {
							return err
						}
						var slot int
						if err := tx.Get(&slot, `SELECT slot FROM sessions`); err != nil {
							return err
						}
						_, err := tx.Exec(`UPDATE sessions SET slot = ?`, slot+1)
						return err
					})
					if err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			var slot int
			if err := dbs[0].Get(&slot, `SELECT slot FROM sessions`); err != nil || slot != each*len(dbs) {
				t.Errorf("counted to %d, %v; want %d", slot, err, each*len(dbs))
			}
		})
	}
}

// TestLockPoolMissing checks that nobody claims slots in a database that has no
// pool.
func TestLockPoolMissing(t *testing.T) {
	db := databasetest.NewMySQL(t)
	mustExec(t, db, `DELETE FROM pool`)
	err := database.InTx(t.Context(), db, func(tx *sqlx.Tx) error { return database.LockPool(t.Context(), tx) })
	if err == nil {
		t.Error("LockPool without a pool succeeded")
	}
}
