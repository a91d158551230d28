package accounts

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// KnownFor is how long a process may take an account for what it was.
const KnownFor = time.Second

const (
	lookTimeout = 5 * time.Second // of a look that several may wait for
)

const columns = `name, disabled, maxSessions, created, lastSeen, note, version`

// A row is an account as the database had it.
type row struct {
	Account
	Hash  []byte    `db:"passwordHash"`
	began time.Time // of the look

	loggedOut []string // marks of its tickets that are over
}

// ByName returns an account as it was a second ago at most, or [ErrUnknown].
func (a *Accounts) ByName(ctx context.Context, name string) (Account, error) {
	r, err := a.look(ctx, name)
	return r.Account, err
}

// List returns all accounts, by name.
func (a *Accounts) List(ctx context.Context) ([]Account, error) {
	var list []Account
	if err := a.db.SelectContext(ctx, &list, `SELECT `+columns+` FROM accounts ORDER BY name`); err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return list, nil
}

// look returns what is known of an account. Those who look at the same time for the same
// one share the answer.
func (a *Accounts) look(ctx context.Context, name string) (row, error) {
	if r, ok := a.recent(name); ok {
		return r, nil
	}
	v, err, _ := a.looks.Do(name, func() (any, error) {
		// Whoever was first may leave; the others want to know.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
		defer cancel()
		return a.read(ctx, name)
	})
	if err != nil {
		return row{}, err
	}
	return v.(row), nil
}

func (a *Accounts) recent(name string) (row, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, ok := a.rows[name]
	return r, ok && r.began.After(a.changed) && time.Since(r.began) < KnownFor
}

func (a *Accounts) read(ctx context.Context, name string) (row, error) {
	r := row{began: time.Now()}
	err := a.db.GetContext(ctx, &r, `SELECT `+columns+`, passwordHash FROM accounts WHERE name = ?`, name)
	if errors.Is(err, sql.ErrNoRows) {
		a.forget(name)
		return row{}, ErrUnknown
	}
	if err == nil {
		r.loggedOut, err = a.loggedOut(ctx, name)
	}
	if err != nil {
		return row{}, fmt.Errorf("look up account: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rows[name] = r
	return r, nil
}

// forget drops what is known of an account that is not there any more.
func (a *Accounts) forget(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.rows, name)
	delete(a.right, name)
	delete(a.seen, name)
}

// change notes that this process has changed accounts: what was read before is no longer
// used, nor what is being read.
func (a *Accounts) change(names ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.changed = time.Now()
	for _, name := range names {
		a.looks.Forget(name)
	}
}
