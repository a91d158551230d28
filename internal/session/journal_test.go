package session_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/journal"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// told returns what the journal tells of a request, a session or a client.
func told(t *testing.T, k *servicetest.Kit, about string) []journal.Entry {
	t.Helper()
	must(t, k.Journal.Close()) // all is written then
	list, err := journal.Why(t.Context(), k.DB, about)
	must(t, err)
	return list
}

func kinds(list []journal.Entry) string {
	var all []string
	for _, e := range list {
		all = append(all, e.Kind)
	}
	return strings.Join(all, " ")
}

func nameOf(c session.Client) string { return c.LogValue().String() }

func as(t *testing.T, request string) context.Context {
	return journal.WithRequest(t.Context(), request)
}

// TestJournalTellsASession from its claim to its end: by its request, its number and its
// client, with how long each step took.
func TestJournalTellsASession(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{})
		const step = 10 * time.Millisecond
		k.Hosts[0].SetDelay(pretend.OpCreate, step)
		k.Hosts[0].SetDelay(pretend.OpStart, 2*step)
		k.Hosts[0].SetReadyAfter(3 * step)
		s, _, err := k.Sessions.Allocate(as(t, "AAAAAAAAAA"), amiga, false)
		must(t, err)
		_, _, err = k.Sessions.Allocate(as(t, "BBBBBBBBBB"), amiga, false)
		must(t, err)
		must(t, k.Sessions.Stop(as(t, "CCCCCCCCCC"), amiga))
		for _, about := range []string{"AAAAAAAAAA", "BBBBBBBBBB", "CCCCCCCCCC", fmt.Sprint(s.ID), nameOf(amiga), amiga.IP} {
			list := told(t, k, about)
			if got := kinds(list); got != "claimed started given-again ended" {
				t.Fatalf("of %s: %s", about, got)
			}
			for _, e := range list {
				if e.Session != s.ID || e.Host != "host0" || e.Client != nameOf(amiga) {
					t.Errorf("of %s: %+v", about, e)
				}
			}
			took := list[1].What.(journal.Started)
			if took.Took.Create < step || took.Took.Start < 2*step || took.Took.Ready <= 0 || took.All < 5*step.Milliseconds() || took.Port != s.Port || took.Warm {
				t.Errorf("the start: %+v", took)
			}
			if e := list[3].What.(journal.Ended); e.Why != "ended by its client" || e.State != "running" || list[3].Request != "CCCCCCCCCC" {
				t.Errorf("the end: %+v", list[3])
			}
		}
	})
}

// TestJournalTellsARefusal, host by host, and when to come again.
func TestJournalTellsARefusal(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Hosts: 3, Max: 1})
		_, _, err := k.Sessions.Allocate(t.Context(), amiga, false)
		must(t, err)
		must(t, k.Hosts[1].SetDown(true))
		k.Pool.CheckHealth(t.Context())
		must(t, k.Store.Drain(t.Context(), "host2", "fan broken"))
		for _, request := range []string{"AAAAAAAAAA", "BBBBBBBBBB"} {
			if _, _, err := k.Sessions.Allocate(as(t, request), st, false); err == nil {
				t.Fatal("there is a place")
			}
		}
		list := told(t, k, "BBBBBBBBBB")
		if kinds(list) != "refused" || list[0].Times != 2 || list[0].Client != nameOf(st) || list[0].Request != "AAAAAAAAAA" {
			t.Fatalf("the refusals: %+v", list)
		}
		text := list[0].Sentence(time.UTC)
		t.Log(text)
		for _, part := range []string{"refused: ", "host0 full 1/1", "host1 down since ", "host2 drained: fan broken", "; told to come back in 30 s (2 times, "} {
			if !strings.Contains(text, part) {
				t.Errorf("%q has no %q", text, part)
			}
		}
		for _, r := range list[0].What.(journal.Refused).Reasons {
			if (r.Host == "host1") == r.Since.IsZero() || strings.Contains(r.Why, "down since") {
				t.Errorf("reason %+v", r)
			}
		}
	})
}

// TestJournalTellsAFailover: where it was tried first, why that failed, and where the
// session runs.
func TestJournalTellsAFailover(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Hosts: 2})
		k.Hosts[0].FailNext(pretend.OpStart, 500, "something is wrong", 1)
		s, _, err := k.Sessions.Allocate(as(t, "AAAAAAAAAA"), amiga, false)
		must(t, err)
		list := told(t, k, fmt.Sprint(s.ID))
		if got := kinds(list); got != "claimed start-failed claimed started" {
			t.Fatalf("told: %s", got)
		}
		if list[1].Host != "host0" || list[3].Host != "host1" || !strings.Contains(list[1].What.(journal.Failed).Why, "something is wrong") {
			t.Errorf("told: %+v", list)
		}
	})
}

// TestJournalTellsWarmContainers: that one waited, that it was taken, and how fast that was.
func TestJournalTellsWarmContainers(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{})
		_, err := k.Sessions.StartWarm(t.Context(), "host0", false, 1)
		must(t, err)
		s, _, err := k.Sessions.Allocate(as(t, "AAAAAAAAAA"), amiga, false)
		must(t, err)
		list := told(t, k, fmt.Sprint(s.ID))
		if kinds(list) != "warmed-up warm-taken started" || !list[1].What.(journal.Taken).Ready || !list[2].What.(journal.Started).Warm || list[2].Client != nameOf(amiga) {
			t.Errorf("told: %+v", list)
		}
		if w := list[0].What.(journal.WarmedUp); w.Port != s.Port || w.Took.Create == 0 || list[0].Host != "host0" || list[0].Client != "" {
			t.Errorf("told: %+v", list[0])
		}
	})
}

// TestJournalTellsNothingOfWarmUpsThatAreCutOff: the process ends, which is no fault.
func TestJournalTellsNothingOfWarmUpsThatAreCutOff(t *testing.T) {
	k := newKit(t, databasetest.New(t), servicetest.Options{})
	warmed, _ := warmingUpTo(t, k, pretend.OpStart)
	k.Sessions.Close()
	if err := <-warmed; err == nil {
		t.Fatal("a container was warmed up by who is closed")
	}
	must(t, k.Journal.Close())
	list, err := journal.Read(t.Context(), k.DB, journal.Query{})
	must(t, err)
	if len(list) != 0 {
		t.Errorf("told: %+v", list)
	}
}

// TestJournalTellsWhyNothingIsWarm, once for a reason that lasts.
func TestJournalTellsWhyNothingIsWarm(t *testing.T) {
	k := newKit(t, databasetest.New(t), servicetest.Options{})
	k.Pool.AwaitFirstCheck(t.Context())
	k.Hosts[0].FailNext(pretend.OpStart, 500, "no space left on device", 3)
	for range 3 {
		if _, err := k.Sessions.StartWarm(t.Context(), "host0", false, 1); err == nil {
			t.Fatal("a container was warmed up that could not start")
		}
	}
	must(t, k.Journal.Close())
	list, err := journal.Read(t.Context(), k.DB, journal.Query{Host: "host0"})
	must(t, err)
	if kinds(list) != "warm-up-failed" || list[0].Times != 3 || !strings.Contains(list[0].Text, "no space left on device") {
		t.Errorf("told: %+v", list)
	}
}

// TestJournalTellsOfFrozenSessions, and not of those that were used meanwhile.
func TestJournalTellsOfFrozenSessions(t *testing.T) {
	k := newKit(t, databasetest.New(t), servicetest.Options{Gateway: true})
	s := mustAllocate(t, k, amiga, true)
	for _, seconds := range []int{60, 0, 60} {
		unused(t, k, seconds)
		_, err := k.Sessions.Freeze(t.Context(), s, time.Minute)
		must(t, err)
		_, err = k.Sessions.TouchByID(t.Context(), s.ID)
		must(t, err)
	}
	list := told(t, k, fmt.Sprint(s.ID))
	if kinds(list) != "claimed started frozen" || list[2].Times != 2 || !strings.Contains(list[2].Text, "frozen: not used for 1 min (2 times") {
		t.Errorf("told: %+v", list)
	}
}

// TestJournalTellsEnds: why, of each way to end.
func TestJournalTellsEnds(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Max: 9})
		want := make(map[int64]string)
		end := func(i int, why string, do func(*session.Session) error) {
			t.Helper()
			s, _, err := k.Sessions.Allocate(t.Context(), session.Client{IP: "192.0.2.9", UserAgent: fmt.Sprint("agent ", i)}, false)
			must(t, err)
			must(t, do(s))
			want[s.ID] = why
		}
		end(1, "not used", func(s *session.Session) error {
			exec(t, k, `UPDATE sessions SET started = '2024-06-01 10:00:00', lastUsed = NULL WHERE id = ?`, s.ID)
			_, err := k.Sessions.StopIdle(t.Context(), s, time.Minute)
			return err
		})
		end(2, "ended by an operator", func(s *session.Session) error {
			_, err := k.Sessions.StopSession(t.Context(), s)
			return err
		})
		end(3, "its client left before it was told", func(s *session.Session) error { return k.Sessions.StopUnused(t.Context(), s) })
		end(4, "its container is gone", func(s *session.Session) error {
			k.Hosts[0].KillContainer(s.ContainerID)
			_, err := k.Sessions.Repair(t.Context(), s)
			return err
		})
		must(t, k.Journal.Close())
		got := make(map[int64]string)
		list, err := journal.Read(t.Context(), k.DB, journal.Query{Address: "192.0.2.9"})
		must(t, err)
		for _, e := range list {
			if w, ok := e.What.(journal.Ended); ok {
				got[e.Session] = w.Why
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("wanted -, told +:\n%s", diff)
		}
	})
}

// TestJournalTellsDraining, and its end, but not what changed nothing.
func TestJournalTellsDraining(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{})
		must(t, k.Store.Drain(t.Context(), "host0", "fan broken"))
		_, err := k.Store.Undrain(t.Context(), "host0")
		must(t, err)
		_, err = k.Store.Undrain(t.Context(), "host0") // is no news
		must(t, err)
		must(t, k.Journal.Close())
		list, err := journal.Read(t.Context(), k.DB, journal.Query{Host: "host0"})
		must(t, err)
		if kinds(list) != "drained undrained" || list[0].What.(journal.Drained).Reason != "fan broken" {
			t.Errorf("told: %+v", list)
		}
	})
}

// TestJournalTellsPauses, who was refused for them, and their end.
func TestJournalTellsPauses(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{})
		must(t, k.Store.Pause(t.Context(), "Back at six."))
		wantPaused(t, k.Sessions, amiga, "Back at six.")
		for range 2 { // the second is no news
			_, err := k.Store.Resume(t.Context())
			must(t, err)
		}
		must(t, k.Journal.Close())
		list, err := journal.Read(t.Context(), k.DB, journal.Query{})
		must(t, err)
		list = slices.DeleteFunc(list, func(e journal.Entry) bool { return e.Host != "" })
		if kinds(list) != "paused refused resumed" || list[1].Text != "refused: new sessions were paused: Back at six; told to come back in 30 s." {
			t.Errorf("told: %+v", list)
		}
	})
}

// TestRequestsDoNotWriteTheJournal: none of their statements does, nor of those that
// others on the same connections wait for.
func TestRequestsDoNotWriteTheJournal(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Max: 1})
		r := databasetest.Record(t, k.DB)
		_, _, err := k.Sessions.Allocate(t.Context(), amiga, false)
		must(t, err)
		_, _, err = k.Sessions.Allocate(t.Context(), amiga, false)
		must(t, err)
		if _, _, err := k.Sessions.Allocate(t.Context(), st, false); err == nil {
			t.Error("there is a place")
		}
		must(t, k.Sessions.Stop(t.Context(), amiga))
		must(t, k.Journal.Close())
		statements := r.Take()
		for _, s := range statements {
			if strings.Contains(s.Query, "journal") {
				t.Errorf("a request asks %q", s.Query)
			}
		}
		if list := told(t, k, amiga.IP); kinds(list) != "claimed started given-again ended" || len(statements) == 0 {
			t.Errorf("told: %s, by %d statements of requests", kinds(list), len(statements))
		}
	})
}
