package session

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"wrpdistributor/internal/database"
)

// endingKept is for how long it is remembered why a session ended.
const endingKept = 24 * time.Hour

// An Ending is how the last session of a client ended that has an account, or is a
// visitor. It is forgotten when the client gets another session, and after a day.
type Ending struct {
	Why    string        // for its client, to end a sentence: it was not used for 10 minutes
	Died   bool          // by itself
	Ended  time.Time     // by the database's clock, as all times
	Began  time.Time     // to run, or to start if it never ran
	Unused time.Duration // at the end
}

// LastEnding returns how the client's last session ended; [ErrNotFound]: that is not known,
// or the client has got another.
func (m *Manager) LastEnding(ctx context.Context, c Client) (Ending, error) {
	return m.store.lastEnding(m.withBudget(ctx), c.identity())
}

// ForgetEnding forgets how the client's last session ended.
func (m *Manager) ForgetEnding(ctx context.Context, c Client) error {
	return ask(m.withBudget(ctx), func(ctx context.Context) error {
		if _, err := database.Exec(ctx, m.store.db, forgetEnding, c.identity()); err != nil {
			return fmt.Errorf("forget how a session ended: %w", err)
		}
		return nil
	})
}

const forgetEnding = `DELETE FROM endings WHERE identity = ?`

func (st *Store) lastEnding(ctx context.Context, identity []byte) (Ending, error) {
	var list []struct {
		Why      string    `db:"why"`
		Ended    time.Time `db:"ended"`
		Began    time.Time `db:"began"`
		LastUsed time.Time `db:"lastUsed"`
	}
	err := ask(ctx, func(ctx context.Context) error {
		return st.db.SelectContext(ctx, &list, `
			SELECT why, ended, began, lastUsed FROM endings WHERE identity = ? AND ended > `+st.db.SecondsAgo(), identity, seconds(endingKept))
	})
	if err != nil {
		return Ending{}, fmt.Errorf("look up how a session ended: %w", err)
	}
	if len(list) == 0 {
		return Ending{}, ErrNotFound
	}
	r := list[0]
	e := Ending{Died: r.Why == containerDied || r.Why == containerGone, Ended: r.Ended.UTC(), Began: r.Began.UTC(), Unused: max(0, r.Ended.Sub(r.LastUsed))}
	e.Why = e.tell(r.Why)
	return e, nil
}

// tell says it to the client, who knows of containers and gateways nothing.
func (e Ending) tell(why string) string {
	switch why {
	case notUsed:
		return "it was not used for " + minutes(e.Unused)
	case tooOld:
		return "it ran for as long as one may, " + minutes(e.Ended.Sub(e.Began))
	case byClient:
		return "you ended it"
	case byAccount:
		return "you ended it from elsewhere"
	case accountClosed:
		return "your account was closed"
	case byOperator:
		return "an operator ended it"
	case hostForgotten:
		return "the machine that it ran on is gone"
	case noGateway:
		return "the way to it was switched off"
	}
	if e.Died {
		return "its browser stopped by itself"
	}
	return why // by a later version of this program
}

func minutes(d time.Duration) string {
	switch n := int(d.Round(time.Minute) / time.Minute); {
	case d < time.Minute:
		return fmt.Sprintf("%d seconds", int(d.Seconds()))
	case n == 1:
		return "1 minute"
	case n < 120:
		return fmt.Sprintf("%d minutes", n)
	}
	return fmt.Sprintf("%d hours", int(d.Hours()))
}

// end stops a session that is as a condition says, and remembers why if its client is to
// be told.
func (st *Store) end(ctx context.Context, s *Session, why, where string, args ...any) (bool, error) {
	if !s.remembersEnding(why) {
		return st.change(ctx, stop+where, args...)
	}
	remember := func(ctx context.Context, tx *sqlx.Tx) error { return st.remember(ctx, tx, s, why) }
	return st.changeIn(ctx, transaction{after: remember}, stop+where, args...)
}

// remembersEnding reports whether the client is told why the session ended. Who never had
// it gets another.
func (s *Session) remembersEnding(why string) bool {
	return s.Account != "" && len(s.Identity) > 0 && why != clientLeft && why != startOverdue
}

// remember writes down why a session ends, after its row was changed, as all do: so who
// has the lock of an ending waits for no row.
func (st *Store) remember(ctx context.Context, tx *sqlx.Tx, s *Session, why string) error {
	if _, err := tx.ExecContext(ctx, forgetEnding, s.Identity); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO endings (identity, account, why, ended, began, lastUsed)
		SELECT ?, account, ?, `+st.db.Now()+`, started, COALESCE(lastUsed, started) FROM sessions WHERE id = ?`, s.Identity, why, s.ID)
	return err
}

// forgetEndings forgets those of clients who get a session by the batch.
func (b *batch) forgetEndings(ctx context.Context) error {
	var identities [][]byte
	for _, p := range b.ofAccounts() {
		identities = append(identities, p.client.identity())
	}
	if len(identities) == 0 {
		return nil
	}
	return execIn(ctx, b.tx, `DELETE FROM endings WHERE identity IN (?)`, identities)
}

// ForgetEndings forgets how sessions of an account ended that is about to be removed: who
// gets its name later is somebody else.
func (st *Store) ForgetEndings(ctx context.Context, account string) error {
	if account == "" {
		return nil // those whose account nobody wrote down
	}
	if _, err := database.Exec(ctx, st.db, `DELETE FROM endings WHERE account = ?`, account); err != nil {
		return fmt.Errorf("forget how sessions of an account ended: %w", err)
	}
	return nil
}

// PruneEndings removes what is remembered of sessions that ended long ago.
func (st *Store) PruneEndings(ctx context.Context) error {
	_, err := database.Prune(ctx, st.db, "endings", "ended", `ended <= `+st.db.SecondsAgo(), seconds(endingKept))
	if err != nil && !database.IsNoTable(err) { // the tables may be of an earlier version
		return fmt.Errorf("prune endings: %w", err)
	}
	return nil
}
