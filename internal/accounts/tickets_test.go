package accounts_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wrpdistributor/internal/accounts"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
)

func keyed(t testing.TB, db *database.DB) *accounts.Accounts {
	t.Helper()
	a := open(t, db)
	must(t, a.LoadKey(t.Context()))
	return a
}

// TestTicketsOpenInEveryProcess on the same database, and in no other, and only as they
// were sealed.
func TestTicketsOpenInEveryProcess(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		one, two := keyed(t, db), keyed(t, db)
		want := accounts.Ticket{Kind: accounts.KindAccount, Name: "anna", Device: "cookie-1", Version: 1<<62 + 1, Issued: time.Unix(1700000000, 0).UTC()}
		sealed, err := one.Seal(want)
		must(t, err)
		got, err := two.Open(sealed)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s opens as %v, %s", sealed, err, diff)
		}
		for i := range sealed {
			changed := []byte(sealed)
			if changed[i]++; i%2 == 0 {
				changed = append(changed[:i], changed[i+1:]...)
			}
			if got, err := two.Open(string(changed)); !errors.Is(err, accounts.ErrTicket) {
				t.Errorf("changed at %d it opens as %+v, %v", i, got, err)
			}
		}
		for _, text := range []string{"", ".", "x", strings.Repeat("x", 1<<20), sealed + "x", sealed + "\n"} {
			if _, err := two.Open(text); !errors.Is(err, accounts.ErrTicket) {
				t.Errorf("%.20q opens: %v", text, err)
			}
		}
		if _, err := keyed(t, databasetest.New(t)).Open(sealed); !errors.Is(err, accounts.ErrTicket) {
			t.Errorf("it opens on another database: %v", err)
		}
	})
}

// TestNoncesAreForOnePurpose, and for what they are about.
func TestNoncesAreForOnePurpose(t *testing.T) {
	t.Parallel()
	db := databasetest.New(t)
	a := keyed(t, db)
	same := a.Nonce("end", "anna", "7")
	if other := keyed(t, db).Nonce("end", "anna", "7"); same == "" || other != same {
		t.Errorf("nonces %q and %q of two processes, want the same", same, other)
	}
	for _, other := range []string{a.Nonce("end"), a.Nonce("end", "anna7"), a.Nonce("endanna", "7"), a.Nonce("start", "anna", "7"), a.Nonce("end", "7", "anna"), a.Nonce("end", "anna", "7", "")} {
		if other == same {
			t.Errorf("two forms have the nonce %s", same)
		}
	}
}

// TestNothingIsSignedWithoutTheKey: what comes out before opens nothing.
func TestNothingIsSignedWithoutTheKey(t *testing.T) {
	t.Parallel()
	db := databasetest.New(t)
	a := open(t, db)
	if n := a.Nonce("end"); n != "" {
		t.Errorf("nonce %q", n)
	}
	if s, err := a.Seal(accounts.Ticket{}); err == nil {
		t.Errorf("ticket %q", s)
	}
	if _, err := a.Open("x.y"); err == nil || errors.Is(err, accounts.ErrTicket) {
		t.Errorf("Open = %v, want that there is no key", err)
	}
	if _, err := db.Exec(`INSERT INTO portalKeys (id, portalKey, created) VALUES (1, 'short', ` + db.Now() + `)`); err != nil {
		t.Fatal(err)
	}
	if err := a.LoadKey(t.Context()); err == nil || !strings.Contains(err.Error(), "DELETE FROM portalKeys") {
		t.Errorf("LoadKey of something else = %v, want what mends it", err)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add("", "")
	f.Add("eyJrIjoiYWNjb3VudCJ9", "x")
	a := keyed(f, databasetest.New(f))
	f.Fuzz(func(t *testing.T, body, mark string) {
		if got, err := a.Open(body + "." + mark); err == nil {
			t.Errorf("%q opens as %+v", body+"."+mark, got)
		}
	})
}
