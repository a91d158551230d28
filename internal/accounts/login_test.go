package accounts_test

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"wrpdistributor/internal/accounts"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/journal"
	"wrpdistributor/internal/metricstest"
)

// TestRightPasswordsAreRememberedAndNoOthers: bcrypt is asked once about a right one, and
// each time about a wrong one, whether there is such an account or not.
func TestRightPasswordsAreRememberedAndNoOthers(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		a := withAnna(t, db)
		calls := counted(a)
		login(t, a, "anna", "right", nil)
		login(t, a, "anna", "right", nil)
		wantCalls(t, "the right one, twice", calls, 1)
		for _, tt := range []struct{ name, password string }{
			{"anna", "Right"}, {"anna", "Right"}, {"anna", ""}, {"nobody", "right"}, {"", "right"}, {"Anna", "right"}, {"an/na", "right"}, {"' OR 1=1", "right"},
			{"anna", strings.Repeat("x", 1000)}, {"anna", "right\x00right"}, {"anna", "right\x00"},
		} {
			login(t, a, tt.name, tt.password, accounts.ErrWrong)
			wantCalls(t, tt.name+" with "+tt.password, calls, 1)
		}
		login(t, a, "anna", "right", nil)
		wantCalls(t, "the right one after wrong ones", calls, 0)
		metricstest.Read(t, a.Metrics()).Want(t, "logins", metricstest.Series{
			`account_logins_total{result="right"}`: 1, `account_logins_total{result="remembered"}`: 2,
			`account_logins_total{result="wrong"}`: 11, `account_logins_total{result="busy"}`: 0,
		})
	})
}

// TestOtherProcessesForgetWithinASecond what they remember of an account that was changed;
// the one that changed it does at once.
func TestOtherProcessesForgetWithinASecond(t *testing.T) {
	t.Parallel()
	note := "room 7"
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		one, other := open(t, db), open(t, db)
		for _, tt := range []struct {
			name     string
			change   func(ctx context.Context, name string) error
			password string // that is right then
			version  bool   // is another one
		}{
			{"password", func(ctx context.Context, name string) error { return one.SetPassword(ctx, name, "new") }, "new", true},
			{"disabled", func(ctx context.Context, name string) error { return one.SetDisabled(ctx, name, true) }, "", true},
			{"enabled", func(ctx context.Context, name string) error { return one.SetDisabled(ctx, name, false) }, "right", false},
			{"removed", one.Remove, "", true},
			{"again", func(ctx context.Context, name string) error {
				return errors.Join(one.Remove(ctx, name), one.Add(ctx, accounts.Account{Name: name}, "new"))
			}, "new", true},
			{"note", func(ctx context.Context, name string) error {
				_, err := one.Set(ctx, name, accounts.Change{Note: &note})
				return err
			}, "right", false},
		} {
			must(t, one.Add(t.Context(), accounts.Account{Name: tt.name}, "right"))
			before := login(t, one, tt.name, "right", nil)
			login(t, other, tt.name, "right", nil)
			must(t, tt.change(t.Context(), tt.name))
			other.Later(time.Second)
			for _, a := range []*accounts.Accounts{one, other} {
				wantOpens(t, a, tt.name, tt.password)
				now, err := a.ByName(t.Context(), tt.name)
				if err != nil && !errors.Is(err, accounts.ErrUnknown) || (now.Version != before.Version) != tt.version {
					t.Errorf("%s: version %d became %d (%v), want another one: %t", tt.name, before.Version, now.Version, err, tt.version)
				}
			}
		}
	})
}

// wantOpens checks that of the passwords "right" and "new" only one opens an account.
func wantOpens(t *testing.T, a *accounts.Accounts, name, which string) {
	t.Helper()
	for _, password := range []string{"right", "new"} {
		want := accounts.ErrWrong
		if password == which {
			want = nil
		}
		login(t, a, name, password, want)
	}
}

// TestPasswordsOfOneAddressAreFewAtOnce: others do not wait for them, nor does who is
// known; when too many wait the next is told so.
func TestPasswordsOfOneAddressAreFewAtOnce(t *testing.T) {
	t.Parallel()
	a := withAnna(t, databasetest.New(t))
	login(t, a, "anna", "right", nil)
	begun, goOn := make(chan struct{}, 1000), make(chan struct{})
	a.Compared(func(bcrypt func() error) error {
		begun <- struct{}{}
		<-goOn
		return bcrypt()
	})
	guess := func(ctx context.Context, from string) error {
		_, err := a.Login(ctx, netip.MustParseAddr(from), "anna", "guess")
		return err
	}
	var guesses sync.WaitGroup
	fill := func(from string, n int) {
		for range n {
			guesses.Go(func() {
				if err := guess(t.Context(), from); !errors.Is(err, accounts.ErrWrong) {
					t.Errorf("a guess of %s: %v", from, err)
				}
			})
		}
	}
	fill("2001:db8::1", accounts.AtOnce)
	for range accounts.AtOnce {
		<-begun
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := guess(gone, "2001:db8::2"); !errors.Is(err, context.Canceled) {
		t.Errorf("who waits and leaves: %v", err)
	}
	fill("192.0.2.9", 1) // another address does not wait
	<-begun
	if _, err := a.Login(t.Context(), netip.MustParseAddr("2001:db8::1"), "anna", "right"); err != nil {
		t.Errorf("who is known waits for guesses of its address: %v", err)
	}
	busy := make(chan error, accounts.MaxWaiting+1)
	for range accounts.MaxWaiting + 1 {
		guesses.Go(func() { busy <- guess(t.Context(), "2001:db8::3") })
	}
	select {
	case err := <-busy:
		if !errors.Is(err, accounts.ErrBusy) {
			t.Errorf("one guess too many: %v, want that the address is busy", err)
		}
	case <-begun:
		t.Error("more passwords of one address are looked at than may be")
	}
	close(goOn)
	guesses.Wait()
	if n := a.Lines(); n != 0 {
		t.Errorf("%d addresses are kept in mind", n)
	}
}

// TestRequestsAtOnceCostLittle: browsers send a password with each picture of a page.
func TestRequestsAtOnceCostLittle(t *testing.T) {
	t.Parallel()
	a := withAnna(t, databasetest.New(t))
	calls := counted(a)
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() { login(t, a, "anna", "right", nil) })
	}
	all.Wait()
	if n := calls.Load(); n < 1 || n > accounts.AtOnce {
		t.Errorf("bcrypt was called %d times, want at most %d", n, accounts.AtOnce)
	}
}

// TestUseIsWrittenOnceAMinute: by whichever process, and by the database's clock.
func TestUseIsWrittenOnceAMinute(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		a := withAnna(t, db)
		seen := func() time.Time {
			t.Helper()
			list, err := a.List(t.Context())
			if err != nil || len(list) != 1 {
				t.Fatalf("list = %+v, %v", list, err)
			}
			return list[0].LastSeen.Time
		}
		if at := seen(); !at.IsZero() {
			t.Errorf("a new account was seen at %s", at)
		}
		login(t, a, "anna", "right", nil)
		if at := seen(); time.Since(at).Abs() > time.Hour {
			t.Errorf("an account that is used was seen at %s", at)
		}
		back := func(seconds int) time.Time {
			if _, err := db.Exec(`UPDATE accounts SET lastSeen = `+db.SecondsAgo(), seconds); err != nil {
				t.Fatal(err)
			}
			return seen()
		}
		at := back(120)
		login(t, a, "anna", "right", nil)
		if seen() != at {
			t.Error("the use was written twice within a minute of this process")
		}
		at = back(30)
		login(t, open(t, db), "anna", "right", nil)
		if seen() != at {
			t.Error("the use was written twice within a minute of the database")
		}
		at = back(120)
		a.Later(time.Minute)
		login(t, a, "anna", "right", nil)
		if seen() == at {
			t.Error("the use was not written a minute later")
		}
	})
}

// TestWrongPasswordsAreCountedInTheJournal: of an account, not of names that are none.
func TestWrongPasswordsAreCountedInTheJournal(t *testing.T) {
	t.Parallel()
	db := databasetest.New(t)
	w, err := journal.NewWriter(journal.Config{DB: db, Process: database.NewProcessID(), Program: "distributor", Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	a := accounts.New(db, w, slog.New(slog.DiscardHandler)).Cheap()
	must(t, a.Add(t.Context(), accounts.Account{Name: "anna"}, "right"))
	for range 3 {
		login(t, a, "anna", "guess", accounts.ErrWrong)
		login(t, a, "nobody", "guess", accounts.ErrWrong)
	}
	must(t, w.Close())
	list, err := journal.Why(t.Context(), db, home.String())
	if err != nil || len(list) != 1 || list[0].Times != 3 || !strings.HasPrefix(list[0].Text, "a wrong password for account anna (3 times") {
		t.Errorf("the journal has %+v, %v; want one entry of three times", list, err)
	}
}
