package accounts

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"wrpdistributor/internal/database"
)

const (
	// TicketAge is how long a ticket says who somebody is.
	TicketAge = 30 * 24 * time.Hour

	// logoutKept is longer: the clock of the database is another one.
	logoutKept = TicketAge + 24*time.Hour

	// maxLogouts is how many an account has in that time before all of its tickets end
	// instead: each look at the account reads them.
	maxLogouts = 1000
)

// OfTicket returns the account whose ticket it is, as it was a second ago at most. It
// returns [ErrTicket] for one that opens nothing any more: it is too old, or was logged
// out, or there is no such version of the account.
func (a *Accounts) OfTicket(ctx context.Context, t Ticket) (Account, error) {
	if t.Kind != KindAccount || time.Since(t.Issued) > TicketAge {
		return Account{}, ErrTicket
	}
	r, err := a.look(ctx, t.Name)
	switch {
	case errors.Is(err, ErrUnknown):
		return Account{}, ErrTicket
	case err != nil:
		return Account{}, err
	case r.Disabled || r.Version != t.Version || slices.Contains(r.loggedOut, a.mark(t)):
		return Account{}, ErrTicket
	}
	return r.Account, nil
}

// Logout ends a ticket, and so all copies of the cookie that holds it. Others of the account
// stay.
func (a *Accounts) Logout(ctx context.Context, t Ticket) error {
	_, err := database.Prune(ctx, a.db, "logouts", "ended", `ended <= `+a.db.SecondsAgo(), int(logoutKept/time.Second))
	if err == nil {
		err = database.InTx(ctx, a.db, func(tx *sqlx.Tx) error { return a.logout(ctx, tx, t) })
		a.change(t.Name)
	}
	if err != nil {
		return fmt.Errorf("log out: %w", err)
	}
	return nil
}

func (a *Accounts) logout(ctx context.Context, tx *sqlx.Tx, t Ticket) error {
	_, err := tx.ExecContext(ctx, a.db.InsertIgnore()+` INTO logouts (account, ticket, ended) VALUES (?, ?, `+a.db.Now()+`)`, t.Name, a.mark(t))
	if err != nil {
		return err
	}
	var n int
	if err := tx.GetContext(ctx, &n, `SELECT COUNT(*) FROM logouts WHERE account = ?`, t.Name); err != nil || n <= maxLogouts {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE accounts SET version = ? WHERE name = ?`, newVersion(), t.Name); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM logouts WHERE account = ?`, t.Name)
	return err
}

// loggedOut returns the marks of an account's tickets that are over.
func (a *Accounts) loggedOut(ctx context.Context, account string) (marks []string, err error) {
	err = a.db.SelectContext(ctx, &marks, `SELECT ticket FROM logouts WHERE account = ?`, account)
	return marks, err
}

// mark is by what a ticket is known that was logged out. Who reads it has no ticket.
func (a *Accounts) mark(t Ticket) string {
	key := a.portalKey.Load()
	if key == nil {
		return "" // nor is there a ticket then
	}
	text, _ := json.Marshal(t.sealed()) // has nothing that could fail
	return hex.EncodeToString(sum(*key, "logout", string(text)))
}
