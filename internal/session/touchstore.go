package session

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jmoiron/sqlx"

	"wrpdistributor/internal/database"
)

// runs is the condition that a session runs, for statements that name the rows: no index on
// states is to be of use for it. SQLite would read all running rows by one, and MariaDB
// lock the index before the row, while whoever stops a session does the opposite.
const runs = `COALESCE(state, '') = 'running'`

const lookUpClients = `SELECT id, identity FROM sessions WHERE identity IN (?) AND ` + runs

// Touch records that the client's session is used, and reports whether the client
// has one that runs.
func (st *Store) Touch(ctx context.Context, identity []byte) (bool, error) {
	n, err := st.touch(ctx, `identity = ?`, identity)
	return n > 0, err
}

// TouchAll records that sessions are used, and returns how many of them run. Whoever
// touches several locks their rows in the order of their ids, so that no two wait for
// each other.
func (st *Store) TouchAll(ctx context.Context, ids []int64) (int64, error) {
	where, args, err := sqlx.In(`id IN (?)`, slices.Sorted(slices.Values(ids)))
	if err != nil {
		return 0, fmt.Errorf("touch sessions: %w", err)
	}
	return st.touch(ctx, where, args...)
}

func (st *Store) touch(ctx context.Context, where string, args ...any) (n int64, err error) {
	err = ask(ctx, func(ctx context.Context) error {
		res, err := database.Exec(ctx, st.db, `UPDATE sessions SET lastUsed = `+st.db.Now()+` WHERE `+runs+` AND `+where, args...)
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("touch sessions: %w", err)
	}
	return n, nil
}

// touchTogether touches the session of each key, and sets whether it runs.
//
// Clients' sessions are looked up before they are touched: so it is known which they are,
// and all are locked in the order of their ids. One that is stopped in between is missing
// from the number of those touched; then it is looked which are left.
func (st *Store) touchTogether(ctx context.Context, keys map[touchKey]bool) error {
	found, err := st.lookUpTouched(ctx, keys)
	if err != nil {
		return err
	}
	running := make(map[int64]bool)
	for _, id := range found {
		running[id] = true
	}
	if err := st.touchRunning(ctx, running); err != nil {
		return err
	}
	for key, id := range found {
		keys[key] = running[id]
	}
	return nil
}

// touchOne is [Store.touchTogether] for one key, which one statement is enough for.
func (st *Store) touchOne(ctx context.Context, key touchKey) (bool, error) {
	if key.identity != "" {
		return st.Touch(ctx, []byte(key.identity))
	}
	n, err := st.touch(ctx, `id = ?`, key.id)
	return n > 0, err
}

// lookUpTouched returns the id of the session of each key, but for clients that have none
// that runs.
func (st *Store) lookUpTouched(ctx context.Context, keys map[touchKey]bool) (map[touchKey]int64, error) {
	found := make(map[touchKey]int64)
	var clients [][]byte
	for key := range keys {
		if key.identity == "" {
			found[key] = key.id
			continue
		}
		clients = append(clients, []byte(key.identity))
	}
	if len(clients) == 0 {
		return found, nil
	}
	rows, err := selectIn[Session](ctx, st.db, lookUpClients, clients)
	if err != nil {
		return nil, fmt.Errorf("look up clients' sessions: %w", err)
	}
	for _, s := range rows {
		found[touchKey{identity: string(s.Identity)}] = s.ID
	}
	return found, nil
}

// touchRunning touches sessions, and leaves those in the map that run.
func (st *Store) touchRunning(ctx context.Context, running map[int64]bool) error {
	if len(running) == 0 {
		return nil
	}
	ids := slices.Collect(maps.Keys(running))
	n, err := st.TouchAll(ctx, ids)
	if err != nil || n == int64(len(ids)) {
		return err
	}
	left, err := selectIn[int64](ctx, st.db, `SELECT id FROM sessions WHERE id IN (?) AND `+runs, ids)
	if err != nil {
		return fmt.Errorf("look up touched sessions: %w", err)
	}
	clear(running)
	for _, id := range left {
		running[id] = true
	}
	return nil
}
