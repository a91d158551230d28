package accounts

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/journal"
)

// Add makes an account with a name, a limit (0: the usual) and a note. It may return
// [ErrName], [ErrInvalid] and [ErrExists].
func (a *Accounts) Add(ctx context.Context, w Account, password string) error {
	if w.MaxSessions == 0 {
		w.MaxSessions = DefaultMaxSessions
	}
	for _, err := range []error{CheckName(w.Name), CheckPassword(password), CheckMaxSessions(w.MaxSessions), CheckNote(w.Note)} {
		if err != nil {
			return err
		}
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), a.cost)
	if err != nil {
		return err
	}
	_, err = database.Exec(ctx, a.db, `
		INSERT INTO accounts (name, passwordHash, maxSessions, note, created, version)
		VALUES (?, ?, ?, ?, `+a.db.Now()+`, ?)`, w.Name, hash, w.MaxSessions, w.Note, newVersion())
	a.change(w.Name)
	if database.IsDuplicate(err) {
		return ErrExists
	}
	if err != nil {
		return fmt.Errorf("add account: %w", err)
	}
	a.note(ctx, journal.AccountAdded{Account: w.Name})
	return nil
}

// SetPassword gives an account another password. Whoever came in by the one before has to
// say it anew. It may return [ErrUnknown] and [ErrInvalid].
func (a *Accounts) SetPassword(ctx context.Context, name, password string) error {
	if err := CheckPassword(password); err != nil {
		return err
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), a.cost)
	if err != nil {
		return err
	}
	err = a.update(ctx, name, `passwordHash = ?, version = ?`, hash, newVersion())
	if err == nil {
		a.note(ctx, journal.AccountPassword{Account: name})
	}
	return err
}

// SetDisabled keeps an account out, or lets it in again, with the password that it has.
// It may return [ErrUnknown].
func (a *Accounts) SetDisabled(ctx context.Context, name string, disabled bool) error {
	set, args := `disabled = FALSE`, []any(nil)
	what := journal.What(journal.AccountEnabled{Account: name})
	if disabled {
		set, args = `disabled = TRUE, version = ?`, []any{newVersion()}
		what = journal.AccountDisabled{Account: name}
	}
	err := a.update(ctx, name, set, args...)
	if err == nil {
		a.note(ctx, what)
	}
	return err
}

// A Change is what else may be changed of an account; nil stays as it is.
type Change struct {
	MaxSessions *int // at once; those that it has stay
	Note        *string
}

// Set changes an account, and returns it as it is then. It may return [ErrUnknown] and
// [ErrInvalid], and has changed nothing.
func (a *Accounts) Set(ctx context.Context, name string, c Change) (Account, error) {
	set, args := []string{"name = name"}, []any(nil)
	if c.MaxSessions != nil {
		if err := CheckMaxSessions(*c.MaxSessions); err != nil {
			return Account{}, err
		}
		set, args = append(set, "maxSessions = ?"), append(args, *c.MaxSessions)
	}
	if c.Note != nil {
		if err := CheckNote(*c.Note); err != nil {
			return Account{}, err
		}
		set, args = append(set, "note = ?"), append(args, *c.Note)
	}
	if err := a.update(ctx, name, strings.Join(set, ", "), args...); err != nil {
		return Account{}, err
	}
	return a.ByName(ctx, name)
}

func (a *Accounts) update(ctx context.Context, name, set string, args ...any) error {
	return a.must(ctx, name, `UPDATE accounts SET `+set+` WHERE name = ?`, append(args, name)...)
}

// Remove forgets an account. It may return [ErrUnknown].
func (a *Accounts) Remove(ctx context.Context, name string) error {
	err := a.must(ctx, name, `DELETE FROM accounts WHERE name = ?`, name)
	if err == nil {
		a.note(ctx, journal.AccountRemoved{Account: name})
	}
	return err
}

// must runs a statement that changes an account, or returns [ErrUnknown].
func (a *Accounts) must(ctx context.Context, name, query string, args ...any) error {
	res, err := database.Exec(ctx, a.db, query, args...)
	a.change(name)
	if err != nil {
		return fmt.Errorf("change account: %w", err)
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		err = ErrUnknown
	}
	return err
}

func (a *Accounts) note(ctx context.Context, what journal.What) {
	a.journal.Add(ctx, journal.Note{What: what})
}
