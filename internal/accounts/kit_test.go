package accounts_test

import (
	"errors"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"testing"

	"wrpdistributor/internal/accounts"
	"wrpdistributor/internal/database"
)

var home = netip.MustParseAddr("192.0.2.7")

func open(t testing.TB, db *database.DB) *accounts.Accounts {
	return accounts.New(db, nil, slog.New(slog.NewTextHandler(t.Output(), nil))).Cheap()
}

// withAnna returns accounts of which anna is one, with the password "right".
func withAnna(t *testing.T, db *database.DB) *accounts.Accounts {
	t.Helper()
	a := open(t, db)
	must(t, a.Add(t.Context(), accounts.Account{Name: "anna"}, "right"))
	return a
}

// counted returns how often bcrypt was called.
func counted(a *accounts.Accounts) *atomic.Int64 {
	n := new(atomic.Int64)
	a.Compared(func(bcrypt func() error) error {
		n.Add(1)
		return bcrypt()
	})
	return n
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// login checks what comes of a name and a password.
func login(t *testing.T, a *accounts.Accounts, name, password string, want error) accounts.Account {
	t.Helper()
	got, err := a.Login(t.Context(), home, name, password)
	if !errors.Is(err, want) || err == nil && got.Name != name {
		t.Errorf("login as %q with %q = %+v, %v; want %v", name, password, got, err, want)
	}
	return got
}

// wantCalls checks how often bcrypt was called since the last time.
func wantCalls(t *testing.T, what string, calls *atomic.Int64, want int64) {
	t.Helper()
	if n := calls.Swap(0); n != want {
		t.Errorf("%s: bcrypt was called %d times, want %d", what, n, want)
	}
}
