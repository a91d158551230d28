package database

import (
	"context"

	"github.com/jmoiron/sqlx"
)

const (
	pruneChunk  = 500
	pruneChunks = 20 // of one call
)

// Prune deletes rows of a table for which a condition holds, the first by a column
// first, some thousands at most, and returns how many. Whoever writes meanwhile waits for
// one chunk at most.
func Prune(ctx context.Context, db *DB, table, column, where string, args ...any) (n int, err error) {
	for range pruneChunks {
		var ids []int64
		err := db.SelectContext(ctx, &ids, `SELECT id FROM `+table+` WHERE `+where+` ORDER BY `+column+` LIMIT ?`, append(args[:len(args):len(args)], pruneChunk)...)
		if err == nil && len(ids) > 0 {
			err = deleteByID(ctx, db, table, ids)
		}
		if err != nil {
			return n, err
		}
		if n += len(ids); len(ids) < pruneChunk {
			break
		}
	}
	return n, nil
}

func deleteByID(ctx context.Context, db *DB, table string, ids []int64) error {
	query, args, err := sqlx.In(`DELETE FROM `+table+` WHERE id IN (?)`, ids)
	if err != nil {
		return err
	}
	_, err = Exec(ctx, db, query, args...)
	return err
}
