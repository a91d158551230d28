package session

import (
	"context"
	"errors"
	"fmt"

	"wrpdistributor/internal/database"
)

// errUnsettled means that the database did not take what a failed start leaves.
var errUnsettled = errors.New("the database did not take it")

// errStatement says of an error that it is the database's, and no host's.
var errStatement = errors.New("database")

// surely makes a change after which the session is in a state. Whether a change was
// made whose commit got no answer, the row says.
func (st *Store) surely(ctx context.Context, id int64, want State, change func() (bool, error)) (bool, error) {
	changed, err := change()
	if !errors.Is(err, database.ErrUncertain) {
		return changed, err
	}
	now, lookErr := st.ByID(ctx, id)
	switch {
	case errors.Is(lookErr, ErrNotFound):
		return false, nil
	case lookErr != nil:
		return false, fmt.Errorf("%w; nor is it known now: %w", err, lookErr)
	case now.State == want:
		return true, nil
	}
	return change()
}

// settleLater has the start of a session, whose container or row may be left, rolled back
// when the database answers again.
func (m *Manager) settleLater(s *Session, rollBack func(context.Context) error) {
	m.store.errands.until(func(ctx context.Context) bool {
		now, err := m.store.ByID(ctx, s.ID)
		switch {
		case errors.Is(err, ErrNotFound):
			return true
		case err != nil:
			return false
		case now.State == Running || now.State == Warm:
			return true // it was confirmed after all, and is used
		}
		if err = rollBack(ctx); errors.Is(err, errUnsettled) {
			return false
		}
		m.log.InfoContext(ctx, "start rolled back, since the database answers again", "session", s.ID, "host", s.Host, "err", err)
		return true
	})
}

// dropLater gives back the slots of claims, by their tokens, that nobody wants any more,
// and of which it may not be known whether they were made.
func (st *Store) dropLater(tokens []string) {
	if len(tokens) == 0 {
		return
	}
	st.errands.until(func(ctx context.Context) bool {
		list, err := st.findIn(ctx, `token IN (?)`, tokens)
		for i := range list {
			if _, deleteErr := st.Delete(ctx, list[i].ID); err == nil {
				err = deleteErr
			}
		}
		return err == nil
	})
}
