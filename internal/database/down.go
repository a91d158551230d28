package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"
)

var (
	// ErrUnfit means that there are sessions which the original's tables cannot
	// hold; [Unfit] says which.
	ErrUnfit = errors.New("sessions do not fit the original's tables")

	errNoWayBack = errors.New("the PHP program never ran on SQLite: there is nothing to go back to")
)

// Down gives the database back to the original: its tables, with all running
// sessions and statistics. It returns [ErrUnfit], and everything stays as it is,
// if any session would be lost; stop those first. While another process of ours lives
// it returns a [LivingError]. Killed on the way, it has either happened or not.
func Down(ctx context.Context, db *DB) error {
	if !db.isMySQL() {
		return errNoWayBack
	}
	err := db.locked(ctx, func(pool *sql.DB) error { return db.down(ctx, pool) })
	if err != nil {
		return fmt.Errorf("migrate database down: %w", err)
	}
	return nil
}

func (db *DB) down(ctx context.Context, pool *sql.DB) error {
	sessions, err := columns(ctx, pool, "sessions")
	if err != nil {
		return err
	}
	if !isOurs(sessions) {
		// The original's tables are still there: of ours there can only be the record
		// of a migration that was killed.
		return exec(ctx, pool, `DROP TABLE IF EXISTS `+versionTable)
	}
	// The tables of an older version would lack columns that are asked for below.
	if err := db.up(ctx, pool); err != nil {
		return err
	}
	// A process that starts now waits for the migration lock, and finds no tables.
	if err := db.refuseLiving(ctx, sqlx.NewDb(pool, db.DriverName())); err != nil {
		return err
	}
	if err := createTables(ctx, pool, "mysql/original", newPrefix); err != nil {
		return err
	}
	if err := copyToOriginal(ctx, pool); err != nil {
		return errors.Join(err, dropLeftovers(ctx, pool))
	}
	var rename []string
	for _, table := range replaced() {
		rename = append(rename, renameToOld(table))
	}
	rename = append(rename, renameFromNew("sessions"), renameFromNew("statistics"))
	if err := exec(ctx, pool, `RENAME TABLE `+strings.Join(rename, ", ")); err != nil {
		return err
	}
	return dropLeftovers(ctx, pool)
}

// copyToOriginal copies our rows into tables like the original's.
func copyToOriginal(ctx context.Context, pool *sql.DB) error {
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	// Nobody can claim a slot between the check and the copy.
	if _, err := collect[int](ctx, tx, lockPool); err != nil {
		return err
	}
	ids, err := unfit(ctx, tx)
	if err == nil && len(ids) > 0 {
		err = fmt.Errorf("%w: ids %v", ErrUnfit, ids)
	}
	if err != nil {
		return err
	}
	const same = `id, clientIp, clientUserAgent, wrpContainerId, containerHost, port`
	err = exec(ctx, tx, `
		INSERT INTO `+newPrefix+`sessions (`+same+`, started, lastUsed)
		SELECT `+same+`, `+fmt.Sprintf(fromUTC, "started")+`, `+fmt.Sprintf(fromUTC, "lastUsed")+`
		FROM sessions ORDER BY id`)
	if err != nil {
		return err
	}
	if err := fillStatistics(ctx, tx, "uniqueClientIps", fromUTC); err != nil {
		return err
	}
	if err := serializeStatistics(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}

// Unfit returns the ids of the sessions that cannot be left to the original: those that
// it did not start, whose containers would stay when it stops them; those that do not
// run for a client; those whose text its tables cannot hold; and all but the one used
// last of those that its unique keys take for the same. Stop them before [Down].
func Unfit(ctx context.Context, db *DB) ([]int64, error) {
	if !db.isMySQL() {
		return nil, errNoWayBack
	}
	return unfit(ctx, db)
}

func unfit(ctx context.Context, db querier) ([]int64, error) {
	// The original's tables get these, since its statements name none.
	var charset, collation string
	err := db.QueryRowContext(ctx, `SELECT @@character_set_database, @@collation_database`).Scan(&charset, &collation)
	if err != nil {
		return nil, fmt.Errorf("look up the database's collation: %w", err)
	}
	as := func(text string) string { return "CONVERT(" + text + " USING " + charset + ") COLLATE " + collation }
	ids, err := collect[int64](ctx, db, `
		SELECT id FROM sessions WHERE id NOT IN (
			SELECT id FROM (
				SELECT id,
					ROW_NUMBER() OVER (
						PARTITION BY `+as(`clientIp`)+`, `+as(`LEFT(clientUserAgent, 255)`)+`
						ORDER BY COALESCE(lastUsed, started) DESC, id DESC) AS ofClient,
					ROW_NUMBER() OVER (
						PARTITION BY `+as(`containerHost`)+`, port
						ORDER BY COALESCE(lastUsed, started) DESC, id DESC) AS ofPort
				FROM sessions
				WHERE nonce IS NULL AND state = 'running' AND wrpContainerId IS NOT NULL AND identity IS NOT NULL
					AND CHAR_LENGTH(clientIp) <= 39
					AND CONVERT(CONVERT(clientUserAgent USING `+charset+`) USING utf8mb4) COLLATE utf8mb4_bin = clientUserAgent
			) AS ranked
			WHERE ofClient = 1 AND ofPort = 1)
		ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("list sessions that do not fit: %w", err)
	}
	return ids, nil
}
