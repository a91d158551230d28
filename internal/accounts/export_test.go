package accounts

import (
	"time"

	"golang.org/x/crypto/bcrypt"
)

// MaxWaiting and AtOnce are how many passwords of one address wait, and are looked at.
const (
	AtOnce     = atOnce
	MaxWaiting = maxWaiting
)

// MaxLogouts is how many of an account are remembered.
const MaxLogouts = maxLogouts

// Cheap has passwords cost as little as bcrypt allows.
func (a *Accounts) Cheap() *Accounts {
	a.cost = bcrypt.MinCost
	return a
}

// Compared has fn called in the place of bcrypt, with what would be called.
func (a *Accounts) Compared(fn func(bcrypt func() error) error) {
	compare := a.compare
	a.compare = func(hash, password []byte) error {
		return fn(func() error { return compare(hash, password) })
	}
}

// Later has a time pass for what is known of accounts, and for when they were seen.
func (a *Accounts) Later(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, r := range a.rows {
		r.began = r.began.Add(-d)
		a.rows[name] = r
	}
	for name, at := range a.seen {
		a.seen[name] = at.Add(-d)
	}
}

// Lines returns how many addresses have passwords looked at.
func (a *Accounts) Lines() int {
	a.turns.mu.Lock()
	defer a.turns.mu.Unlock()
	return len(a.turns.of)
}

// ParseHtpasswd returns the names in a file, and what is wrong with it.
func ParseHtpasswd(text string) ([]string, Problems) {
	file, bad := parseHtpasswd(text)
	return file.names(), bad
}
