package accounts

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/journal"
)

// seenEvery is how often it is written at most that an account was used.
const seenEvery = time.Minute

// nobody is a row with the hash of a password that nobody knows. It costs as much as those
// that this package makes.
func (a *Accounts) nobody() row {
	return row{Hash: fmt.Appendf(nil, "$2a$%02d$%s", a.cost, strings.Repeat(".", 53))}
}

// A proof is the keyed hash of the password that was right for a version of an account.
type proof struct {
	version int64
	sum     []byte
}

// Login returns the account that name and password open, to who is at an address. It
// returns [ErrWrong] if they open none, or one that is disabled, and [ErrBusy] if the
// address has too many passwords looked at already.
func (a *Accounts) Login(ctx context.Context, from netip.Addr, name, password string) (Account, error) {
	r, err := a.find(ctx, name)
	if err != nil {
		return Account{}, err
	}
	result := remembered
	if !a.remembers(r, password) {
		if result, err = a.try(ctx, from, r, password); err != nil {
			a.logins.WithLabelValues(result).Inc()
			return Account{}, err
		}
	}
	if r.Disabled {
		a.logins.WithLabelValues(wrong).Inc()
		return Account{}, ErrWrong
	}
	a.logins.WithLabelValues(result).Inc()
	a.Seen(ctx, r.Account)
	return r.Account, nil
}

// find returns the row to compare a password with: of an account, or of nobody.
func (a *Accounts) find(ctx context.Context, name string) (row, error) {
	if !isName(name) {
		return a.nobody(), nil
	}
	r, err := a.look(ctx, name)
	if errors.Is(err, ErrUnknown) {
		return a.nobody(), nil
	}
	return r, err
}

// try compares a password with a hash, when it is the address's turn. It says how that
// went.
func (a *Accounts) try(ctx context.Context, from netip.Addr, r row, password string) (result string, err error) {
	release, err := a.turns.take(ctx, from)
	if err != nil {
		return busy, err
	}
	defer release()
	if a.remembers(r, password) { // since a moment ago: browsers ask for several things at once
		return remembered, nil
	}
	if err := a.compare(r.Hash, []byte(password)); err != nil || r.Name == "" || repeats(password) {
		a.noteWrong(ctx, from, r.Name)
		return wrong, ErrWrong
	}
	a.remember(r, password)
	return right, nil
}

// repeats reports whether bcrypt would take a password for another one: it reads the bytes
// of one over and over, with a NUL between, so that a\x00a is a to it.
func repeats(password string) bool { return strings.ContainsRune(password, 0) }

// noteWrong counts wrong passwords of an account, where operators look.
func (a *Accounts) noteWrong(ctx context.Context, from netip.Addr, name string) {
	if name != "" {
		a.journal.Add(ctx, journal.Note{Client: from.String(), What: journal.AccountRefused{Account: name}})
	}
}

func (a *Accounts) remembers(r row, password string) bool {
	a.mu.Lock()
	p, ok := a.right[r.Name]
	a.mu.Unlock()
	return ok && p.version == r.Version && hmac.Equal(p.sum, a.proof(r, password))
}

func (a *Accounts) remember(r row, password string) {
	p := proof{r.Version, a.proof(r, password)}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.right[r.Name] = p
}

func (a *Accounts) proof(r row, password string) []byte {
	return sum(a.processKey, "password", r.Name, password)
}

// Seen writes down that an account is used, once a minute at most. What is written does
// not count for much: whoever comes in does so without it as well.
func (a *Accounts) Seen(ctx context.Context, account Account) {
	if !a.seenIsDue(account.Name) {
		return
	}
	_, err := database.Exec(ctx, a.db, `
		UPDATE accounts SET lastSeen = `+a.db.Now()+`
		WHERE name = ? AND (lastSeen IS NULL OR lastSeen <= `+a.db.SecondsAgo()+`)`, account.Name, int(seenEvery/time.Second))
	if err != nil {
		a.log.WarnContext(ctx, "use of an account not written down", "account", account.Name, "err", err)
	}
}

func (a *Accounts) seenIsDue(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if at, ok := a.seen[name]; ok && time.Since(at) < seenEvery {
		return false
	}
	a.seen[name] = time.Now()
	return true
}
