package session_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/journal"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/reaper"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// anna returns a device of an account.
func anna(device string) session.Client { return session.AccountUser("anna", device, 2) }

func visitorOf(id string) session.Client { return session.Visitor(id, "192.0.2.1", 1) }

func wantTooMany(t *testing.T, m *session.Manager, c session.Client, account string) {
	t.Helper()
	_, _, err := m.Allocate(t.Context(), c, false)
	if e, ok := errors.AsType[*session.TooManyError](err); !ok || e.Account != account {
		t.Errorf("Allocate = %v, want that %s has too many", err, account)
	}
}

// TestAccountHasSoManySessions: by claims, and by what waits; neither those that are being
// stopped count, nor those of others.
func TestAccountHasSoManySessions(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		for _, warm := range []bool{false, true} {
			k := newKit(t, db, servicetest.Options{Max: 9})
			wait := func() {
				if warm {
					mustStartWarm(t, k, false, 9)
				}
			}
			mustAllocate(t, k, session.Client{IP: "account", UserAgent: "anna"}, true) // an address that is none
			for _, device := range []string{"", "second"} {
				wait()
				mustAllocate(t, k, anna(device), true)
			}
			wait()
			wantTooMany(t, k.Sessions, anna("third"), "anna")
			mustAllocate(t, k, anna("second"), false)
			mustAllocate(t, k, session.AccountUser("bert", "second", 2), true)
			mustAllocate(t, k, visitorOf("one"), true)
			wait()
			wantTooMany(t, k.Sessions, visitorOf("two"), "@192.0.2.1")
			must(t, k.Sessions.Stop(t.Context(), visitorOf("one")))
			mustAllocate(t, k, visitorOf("two"), true)
			must(t, k.Hosts[0].SetDown(true))
			_ = k.Sessions.Stop(t.Context(), anna("second")) // its slot stays taken
			must(t, k.Hosts[0].SetDown(false))
			k.Pool.CheckHealth(t.Context())
			mustAllocate(t, k, anna("third"), true)
			wantTooMany(t, k.Sessions, session.AccountUser("clara", "", 0), "clara")
			exec(t, k, `DELETE FROM sessions`)
			exec(t, k, `DELETE FROM counters`)
		}
	})
}

// TestAccountNeverHasMore: devices ask two processes at once, for what waits and for slots.
func TestAccountNeverHasMore(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		const devices, most, warm = 16, 3, 8
		k := newKit(t, db, servicetest.Options{Max: devices})
		managers := []*session.Manager{k.Sessions, another(t, k).Sessions}
		for range warm {
			mustStartWarm(t, k, false, warm)
		}
		var wg sync.WaitGroup
		var got, refused atomic.Int64
		for i := range devices {
			wg.Go(func() {
				_, _, err := managers[i%2].Allocate(t.Context(), session.AccountUser("anna", fmt.Sprint(i), most), false)
				_, tooMany := errors.AsType[*session.TooManyError](err)
				switch {
				case err == nil:
					got.Add(1)
				case tooMany:
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		list, err := k.Sessions.OfAccount(t.Context(), "anna")
		if err != nil || len(list) != most || got.Load() != most || refused.Load() != devices-most {
			t.Errorf("%d got a session, %d were refused, %d are there, %v; want %d sessions", got.Load(), refused.Load(), len(list), err, most)
		}
	})
}

// TestAccountStopsItsOwn sessions, and no others.
func TestAccountStopsItsOwn(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Max: 9})
		first, other, nobodys := mustAllocate(t, k, anna(""), true), mustAllocate(t, k, session.AccountUser("bert", "", 1), true), mustAllocate(t, k, amiga, true)
		for _, tt := range []struct {
			account string
			id      int64
		}{{"anna", other.ID}, {"anna", nobodys.ID}, {"", nobodys.ID}, {"", 0}, {"anna", 0}, {"anna", 99}} {
			if err := k.Sessions.StopOfAccount(t.Context(), tt.account, tt.id); !errors.Is(err, session.ErrNotFound) {
				t.Errorf("StopOfAccount(%q, %d) = %v, want ErrNotFound", tt.account, tt.id, err)
			}
		}
		wantRows(t, k, "running:3")
		must(t, k.Sessions.StopOfAccount(t.Context(), "anna", first.ID))
		wantRows(t, k, "running:2")
		if n, err := k.Sessions.StopAccount(t.Context(), ""); n != 0 || err != nil {
			t.Errorf("StopAccount of nobody = %d, %v", n, err)
		}
		wantRows(t, k, "running:2")
		mustAllocate(t, k, anna(""), true)
		mustAllocate(t, k, anna("second"), true)
		if n, err := k.Sessions.StopAccount(t.Context(), "anna"); n != 2 || err != nil {
			t.Errorf("StopAccount = %d, %v; want 2", n, err)
		}
		wantRows(t, k, "running:2")
		if list, err := k.Sessions.OfAccount(t.Context(), "anna"); len(list) > 0 || err != nil {
			t.Errorf("OfAccount = %+v, %v; want none", list, err)
		}
	})
}

// TestStopAccountCallsStartsOff that are under way, here and in another process.
func TestStopAccountCallsStartsOff(t *testing.T) {
	k := newKit(t, databasetest.New(t), servicetest.Options{Max: 3})
	other := another(t, k)
	release := hold(k.Hosts[0], pretend.OpStart)
	first, second := allocating(t, k.Sessions, anna("")), allocating(t, other.Sessions, anna("second"))
	eventually(t, "both are being started", func() bool { return k.Hosts[0].Requests(pretend.OpStart) > 1 })
	n, err := k.Sessions.StopAccount(t.Context(), "anna")
	if n != 2 || err != nil {
		t.Errorf("StopAccount = %d, %v; want 2", n, err)
	}
	release()
	wantStopped(t, first)
	wantStopped(t, second)
	wantRows(t, k, "")
	wantContainers(t, k, 0)
}

// TestEndingsAreTold, each for what it was, until the client has another session.
func TestEndingsAreTold(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Max: 9})
		c := anna("second")
		for _, tt := range []struct {
			why  string
			died bool
			end  func(*session.Session) error
		}{
			{"it was not used for 12 minutes", false, func(s *session.Session) error {
				unused(t, k, 720)
				_, err := k.Reaper.Reconcile(t.Context(), reaper.Options{Idle: 10 * time.Minute})
				return err
			}},
			{"it ran for as long as one may, 2 hours", false, func(s *session.Session) error {
				unused(t, k, 7205)
				_, err := k.Reaper.Reconcile(t.Context(), reaper.Options{MaxAge: time.Hour})
				return err
			}},
			{"its browser stopped by itself", true, func(s *session.Session) error {
				k.Hosts[0].KillContainer(s.ContainerID)
				_, err := k.Sessions.Repair(t.Context(), s)
				return err
			}},
			{"an operator ended it", false, func(s *session.Session) error { return k.Reaper.StopNow(t.Context(), s) }},
			{"you ended it", false, func(*session.Session) error { return k.Sessions.Stop(t.Context(), c) }},
			{"you ended it from elsewhere", false, func(s *session.Session) error { return k.Sessions.StopOfAccount(t.Context(), "anna", s.ID) }},
			{"your account was closed", false, func(*session.Session) error {
				_, err := k.Sessions.StopAccount(t.Context(), "anna")
				return err
			}},
			{"the machine that it ran on is gone", false, func(*session.Session) error {
				_, err := k.Store.Forget(t.Context(), "host0")
				return err
			}},
		} {
			s := mustAllocate(t, k, c, true)
			if e, err := k.Sessions.LastEnding(t.Context(), c); !errors.Is(err, session.ErrNotFound) {
				t.Errorf("with a session the last ending is %+v, %v", e, err)
			}
			must(t, tt.end(s))
			e, err := k.Sessions.LastEnding(t.Context(), c)
			if err != nil || e.Why != tt.why || e.Died != tt.died || e.Ended.Before(e.Began) || e.Unused < 0 {
				t.Errorf("the last ending is %+v, %v; want that %s", e, err, tt.why)
			}
			if _, err := k.Sessions.LastEnding(t.Context(), anna("")); !errors.Is(err, session.ErrNotFound) {
				t.Errorf("another client of the account has an ending: %v", err)
			}
		}
	})
}

// TestEndingsAreForgotten: when the client says so, when it takes what waits, and after a
// day; of clients without an account none is kept.
func TestEndingsAreForgotten(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{})
		c := visitorOf("one")
		end := func() {
			t.Helper()
			if _, _, err := k.Sessions.Allocate(t.Context(), c, false); err != nil {
				t.Fatal(err)
			}
			must(t, k.Sessions.Stop(t.Context(), c))
			_, err := k.Sessions.LastEnding(t.Context(), c)
			must(t, err)
		}
		forgotten := func(how string) {
			t.Helper()
			if e, err := k.Sessions.LastEnding(t.Context(), c); !errors.Is(err, session.ErrNotFound) {
				t.Errorf("%s: the last ending is %+v, %v", how, e, err)
			}
		}
		end()
		must(t, k.Sessions.ForgetEnding(t.Context(), c))
		forgotten("the client says so")
		end()
		mustStartWarm(t, k, false, 1)
		mustAllocate(t, k, c, true)
		forgotten("the client took what waits")
		must(t, k.Sessions.Stop(t.Context(), c))
		mustAllocate(t, k, amiga, true)
		must(t, k.Sessions.Stop(t.Context(), amiga))
		exec(t, k, `UPDATE endings SET ended = `+k.DB.SecondsAgo(), 24*3600)
		forgotten("a day has passed")
		if n := rowsOf(t, k, "endings"); n != 1 {
			t.Errorf("%d endings are there, want the visitor's", n)
		}
		_, err := k.Reaper.Reconcile(t.Context(), reaper.Options{})
		must(t, err)
		if n := rowsOf(t, k, "endings"); n != 0 {
			t.Errorf("%d endings are there after a pass, want none", n)
		}
	})
}

func rowsOf(t *testing.T, k *servicetest.Kit, table string) (n int) {
	t.Helper()
	must(t, k.DB.GetContext(t.Context(), &n, `SELECT COUNT(*) FROM `+table))
	return n
}

// TestFailedStartHasNoEnding: who never had a session is told of none.
func TestFailedStartHasNoEnding(t *testing.T) {
	k := newKit(t, databasetest.New(t), servicetest.Options{})
	k.Hosts[0].FailNext(pretend.OpStart, 500, "no", 1)
	refused(t, k, anna(""))
	mustAllocate(t, k, anna("second"), true)
	exec(t, k, `UPDATE sessions SET state = 'starting', started = `+k.DB.SecondsAgo(), 7200)
	_, err := k.Reaper.Reconcile(t.Context(), reaper.Options{})
	must(t, err)
	wantRows(t, k, "")
	for _, c := range []session.Client{anna(""), anna("second")} {
		if e, err := k.Sessions.LastEnding(t.Context(), c); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("the last ending is %+v, %v", e, err)
		}
	}
}

// TestJournalTellsOfAccounts by their names, and why one got no session.
func TestJournalTellsOfAccounts(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Max: 9})
		long := session.AccountUser(strings.Repeat("n", 32), strings.Repeat("d", 200), 1)
		for _, c := range []session.Client{anna(""), anna("second"), long, session.Visitor("one", "2001:db8:1111:2222:3333:4444:5555:6666", 1)} {
			s := mustAllocate(t, k, c, true)
			must(t, k.Sessions.Stop(t.Context(), c))
			if name := s.ClientName(); name != nameOf(c) {
				t.Errorf("the session is of %s, its client %s", name, nameOf(c))
			}
		}
		mustAllocate(t, k, anna(""), true)
		mustAllocate(t, k, anna("second"), true)
		wantTooMany(t, k.Sessions, anna("third"), "anna")
		list := told(t, k, "anna/third")
		if kinds(list) != "refused" || list[0].Text != "refused: account anna has as many sessions as it may (2)." || list[0].What.(journal.Refused).Retry != 0 {
			t.Errorf("told: %+v", list)
		}
		all, err := journal.Read(t.Context(), k.DB, journal.Query{Address: "2001:db8:1111:2222:3333:4444:5555:6666"})
		if err != nil || kinds(all) != "claimed started ended" || all[0].Client != nameOf(session.Visitor("one", "2001:db8:1111:2222:3333:4444:5555:6666", 1)) {
			t.Errorf("of the visitor: %+v, %v", all, err)
		}
		scrape(t, k).Want(t, "of accounts", map[string]float64{`session_refusals_total{reason="too-many"}`: 1})
	})
}
