package accounts_test

import (
	"errors"
	"strconv"
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
		want := accounts.Ticket{Kind: accounts.KindAccount, Name: "anna", Device: "cookie-1", Version: 1<<62 + 1, Issued: time.Unix(1700000000, 0).UTC(), ID: "u1"}
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

// TestLogoutEndsATicket and its copies, here at once and elsewhere within a second, and no
// other ticket of the account; one of somebody who logs out without end, all of the account.
func TestLogoutEndsATicket(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		one, two := keyed(t, db), keyed(t, db)
		must(t, one.Add(t.Context(), accounts.Account{Name: "anna"}, "right"))
		anna, err := one.ByName(t.Context(), "anna")
		must(t, err)
		now := time.Now()
		ticket := func(device string, issued time.Time) accounts.Ticket {
			return accounts.Ticket{Kind: accounts.KindAccount, Name: "anna", Device: device, Version: anna.Version, Issued: issued.Truncate(time.Second)}
		}
		amiga, later, mac := ticket("amiga", now.Add(-time.Hour)), ticket("amiga", now), ticket("mac", now.Add(-time.Hour))
		wants := func(when string, of map[accounts.Ticket]error) {
			t.Helper()
			two.Later(time.Second)
			for tk, want := range of {
				for i, a := range []*accounts.Accounts{one, two} {
					if got, err := a.OfTicket(t.Context(), tk); !errors.Is(err, want) || err == nil && got.Name != "anna" {
						t.Errorf("%s, process %d: %+v opens %+v, %v; want %v", when, i, tk, got, err, want)
					}
				}
			}
		}
		visitor := amiga
		visitor.Kind = accounts.KindVisitor
		old := ticket("amiga", now.Add(-accounts.TicketAge-time.Minute))
		wants("before", map[accounts.Ticket]error{amiga: nil, later: nil, mac: nil, visitor: accounts.ErrTicket, old: accounts.ErrTicket})
		for range 2 {
			must(t, one.Logout(t.Context(), amiga))
		}
		wants("after it", map[accounts.Ticket]error{amiga: accounts.ErrTicket, later: nil, mac: nil})
		exec(t, db, `UPDATE logouts SET ended = `+db.SecondsAgo(), 40*24*3600)
		fill(t, db, accounts.MaxLogouts-1)
		must(t, one.Logout(t.Context(), later))
		wants("after another one", map[accounts.Ticket]error{later: accounts.ErrTicket, mac: nil})
		if n := count(t, db, "logouts"); n != accounts.MaxLogouts {
			t.Errorf("%d logouts are remembered, want %d: one is too old", n, accounts.MaxLogouts)
		}
		must(t, one.Logout(t.Context(), ticket("third", now)))
		wants("after too many", map[accounts.Ticket]error{amiga: accounts.ErrTicket, later: accounts.ErrTicket, mac: accounts.ErrTicket})
		if n := count(t, db, "logouts"); n != 0 {
			t.Errorf("%d logouts are remembered of a version that is over", n)
		}
	})
}

func fill(t *testing.T, db *database.DB, n int) {
	t.Helper()
	rows := strings.TrimSuffix(strings.Repeat("('anna', ?, "+db.Now()+"),", n), ",")
	args := make([]any, n)
	for i := range args {
		args[i] = strconv.Itoa(i)
	}
	exec(t, db, `INSERT INTO logouts (account, ticket, ended) VALUES `+rows, args...)
}

func exec(t *testing.T, db *database.DB, query string, args ...any) {
	t.Helper()
	_, err := db.Exec(db.Rebind(query), args...)
	must(t, err)
}

func count(t *testing.T, db *database.DB, table string) (n int) {
	t.Helper()
	must(t, db.GetContext(t.Context(), &n, `SELECT COUNT(*) FROM `+table))
	return n
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
