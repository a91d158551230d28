package journal_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/journal"
)

// everything is a note of each kind.
func everything() []journal.Note {
	return []journal.Note{
		{Host: "a.example", What: journal.HostUp{NoImage: true}},
		{Session: 17, Host: "a.example", Client: amiga, What: journal.Claimed{Slot: 3, Port: 9093, TLS: true}},
		{Session: 17, Host: "a.example", Client: amiga, What: journal.Failed{Port: 9093, Why: "port is taken"}},
		{Session: 18, Host: "b.example", What: journal.WarmedUp{Port: 9090, TLS: true, All: 2600, Took: journal.Steps{Create: 210 * time.Millisecond, Start: 320 * time.Millisecond, Ready: 20 * time.Millisecond}}},
		{Host: "b.example", What: journal.WarmUpFailed{Why: "start container: no space left on device"}},
		{Session: 18, Host: "b.example", Client: amiga, What: journal.Taken{Ready: true}},
		{Session: 18, Host: "b.example", Client: amiga, What: journal.Started{Port: 9090, Warm: true, All: 1250, Took: journal.Steps{Claim: time.Millisecond, Ready: 20 * time.Millisecond}}},
		{Session: 18, Host: "b.example", Client: amiga, What: journal.Given{Port: 9090}},
		{Session: 18, Host: "b.example", Client: amiga, What: journal.Frozen{Unused: 301000}},
		{Session: 18, Host: "b.example", Client: amiga, What: journal.Ended{Why: "not used", State: "running", Began: time.Now().Add(-12*time.Minute - 30*time.Second).UTC()}},
		{Client: amiga, What: journal.Refused{Why: "no host", Retry: 30, Others: 2, Reasons: []journal.Reason{{Host: "a.example", Why: "full 20/20"}, {Host: "b.example", More: 3, Since: time.Date(2024, 6, 1, 13, 58, 0, 0, time.UTC), Why: "no route to host"}}}},
		{Host: "b.example", What: journal.HostDown{Why: "no route to host"}},
		{Host: "b.example", What: journal.Drained{Reason: "fan broken"}},
		{Host: "b.example", What: journal.Undrained{}},
		{What: journal.Paused{Reason: "Back at six."}},
		{What: journal.Resumed{}},
		{What: journal.Serving{Version: "v1", Machine: "m1", Gateway: ":8080"}},
		{What: journal.Leaving{Machine: "m1"}},
		{What: journal.AccountAdded{Account: "anna"}},
		{What: journal.AccountPassword{Account: "anna"}},
		{What: journal.AccountDisabled{Account: "anna"}},
		{What: journal.AccountEnabled{Account: "anna"}},
		{Client: "192.0.2.7", What: journal.AccountRefused{Account: "anna"}},
		{What: journal.AccountRemoved{Account: "anna"}},
	}
}

// TestEveryKindIsReadAsItWasNoted, in the order in which it happened, with the request,
// on each database.
func TestEveryKindIsReadAsItWasNoted(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		w := newWriter(t, db, false)
		for _, n := range everything() {
			w.Add(journal.WithRequest(t.Context(), "ABCDEFGH22"), n)
		}
		closed(t, w)
		var got []journal.Note
		list := read(t, db, journal.Query{})
		for _, e := range list {
			got = append(got, journal.Note{Session: e.Session, Host: e.Host, Client: e.Client, What: e.What})
			if e.Request != "ABCDEFGH22" || e.Program != "distributor" || len(e.Process) != 32 || time.Since(e.At) > time.Minute {
				t.Errorf("entry %+v", e)
			}
		}
		if diff := cmp.Diff(everything(), got, cmp.Comparer(func(a, b time.Time) bool { return a.Sub(b).Abs() < time.Minute })); diff != "" {
			t.Errorf("noted -, read +:\n%s", diff)
		}
		want := []string{
			"a.example is up, and has no image yet.",
			"session 17: slot 3 of a.example (port 9093) reserved, for TLS.",
			"session 17 did not start on a.example:9093: port is taken; tried once more.",
			"container 18 on b.example:9090 waits for a client, for TLS, warmed up in 2.6 s (create 210 ms, start 320 ms, ready 20 ms).",
			"no container could be warmed up on b.example: start container: no space left on device.",
			"session 18: a warm container on b.example taken.",
			"session 18 runs on b.example:9090 in a warm container, 1.2 s after the request (claim 1 ms, ready 20 ms).",
			"session 18 on b.example:9090 given again.",
			"session 18 on b.example frozen: not used for 5 min.",
			"session 18 on b.example is over after 12 min: not used (by distributor).",
			"refused: a.example full 20/20, b.example and 3 more down since 2024-06-01 13:58 (no route to host), and 2 hosts more; told to come back in 30 s.",
			"b.example is down: no route to host.",
			"b.example is drained: fan broken.",
			"b.example gets sessions again.",
			"new sessions are paused; clients are told: Back at six.",
			"clients get new sessions again.",
			"distributor v1 began to serve on m1, its gateway at :8080.",
			"distributor on m1 stopped; sessions go on.",
			"account anna was added.",
			"account anna has another password.",
			"account anna was disabled.",
			"account anna may come in again.",
			"a wrong password for account anna.",
			"account anna was removed.",
		}
		if diff := cmp.Diff(want, sentences(list)); diff != "" {
			t.Errorf("sentences, wanted -, got +:\n%s", diff)
		}
	})
}

// TestRepetitionsAreOneEntry: of one client and for one reason, by whichever request one
// asks; whether the entry was written meanwhile or not.
func TestRepetitionsAreOneEntry(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		w := newWriter(t, db, false)
		refuse := func(request, client, why string) {
			w.Add(journal.WithRequest(t.Context(), request), journal.Note{Client: client, What: journal.Refused{Why: why}})
		}
		refuse("AAAAAAAAAA", amiga, "full 20/20")
		refuse("BBBBBBBBBB", amiga, "full 19/19")
		refuse("CCCCCCCCCC", "192.0.2.1#deadbeef", "full 20/20")
		refuse("DDDDDDDDDD", amiga, "no host has a certificate")
		eventually(t, "three entries, one of them of two", func() bool {
			list := read(t, db, journal.Query{})
			return len(list) == 3 && list[0].Times == 2
		})
		refuse("EEEEEEEEEE", amiga, "full 20/20")
		eventually(t, "the first is counted once more", func() bool { return read(t, db, journal.Query{})[0].Times == 3 })
		for _, request := range []string{"AAAAAAAAAA", "BBBBBBBBBB", "EEEEEEEEEE"} {
			list := why(t, db, request)
			if len(list) != 1 || list[0].Times != 3 || !list[0].Is(request) || list[0].Last.Before(list[0].At) {
				t.Errorf("of request %s: %+v", request, list)
			}
		}
	})
}

// TestWarmUpsThatFailAreOneEntry of each host and reason, whichever container it was; and
// so is a session that is frozen now and then.
func TestWarmUpsThatFailAreOneEntry(t *testing.T) {
	db := databasetest.New(t)
	w := newWriter(t, db, false)
	for i := range 30 {
		why := fmt.Sprintf("start container wrp_%d: endpoint %064x: no space", i, i*7919)
		w.Add(t.Context(), journal.Note{Host: "a.example", What: journal.WarmUpFailed{Why: why}})
		w.Add(t.Context(), journal.Note{Session: 17, Host: "a.example", Client: amiga, What: journal.Frozen{Unused: 60000}})
	}
	w.Add(t.Context(), journal.Note{Host: "a.example", What: journal.WarmUpFailed{Why: "image missing"}})
	w.Add(t.Context(), journal.Note{Host: "b.example", What: journal.WarmUpFailed{Why: "image missing"}})
	w.Add(t.Context(), journal.Note{Session: 18, Host: "a.example", Client: amiga, What: journal.Frozen{Unused: 60000}})
	closed(t, w)
	var times []int
	for _, e := range read(t, db, journal.Query{}) {
		times = append(times, e.Times)
	}
	if want := []int{30, 30, 1, 1, 1}; !slices.Equal(times, want) {
		t.Errorf("entries of %d times, want %d", times, want)
	}
}

// TestAddressesAreLeftOut where clients are to be told by their hash only: they are
// still counted each by itself, and found.
func TestAddressesAreLeftOut(t *testing.T) {
	db := databasetest.New(t)
	w := newWriter(t, db, true)
	for range 2 {
		w.Add(t.Context(), journal.Note{Client: amiga, What: journal.Refused{Why: "full"}})
	}
	closed(t, w)
	list := why(t, db, "1a2b3c4d")
	if len(list) != 1 || list[0].Client != "#1a2b3c4d" || list[0].Times != 2 {
		t.Errorf("by hash: %+v", list)
	}
	if list := why(t, db, "192.0.2.1"); len(list) > 0 {
		t.Errorf("by address: %+v", list)
	}
}

// TestHashOnlyKeepsNamesOfAccounts and no address, in whatever name it is.
func TestHashOnlyKeepsNamesOfAccounts(t *testing.T) {
	for name, want := range map[string]string{
		amiga: "#1a2b3c4d", "192.0.2.1": "", "2001:db8::1": "", "visitor 192.0.2.1#1a2b3c4d": "#1a2b3c4d", "backend#1a2b3c4d": "#1a2b3c4d",
		"10.0.0.1, 192.0.2.1": "", "anna": "anna", "anna/second": "anna/second", "": "",
	} {
		if got := journal.HashOnly(name); got != want {
			t.Errorf("HashOnly(%q) = %q, want %q", name, got, want)
		}
	}
}

// TestWhyKnowsWhatIsMeant: a request, a session or a client, and the whole way of it.
func TestWhyKnowsWhatIsMeant(t *testing.T) {
	db := databasetest.New(t)
	w := newWriter(t, db, false)
	put, other := journal.WithRequest(t.Context(), "ABCDEFGH22"), journal.WithRequest(t.Context(), "ABCDEFGH33")
	w.Add(other, journal.Note{Session: 7, Host: "b", Client: "192.0.2.2#00000001", What: journal.Claimed{Port: 9090}})
	w.Add(put, journal.Note{Session: 16, Host: "a", Client: amiga, What: journal.Claimed{Port: 9090}})
	w.Add(put, journal.Note{Session: 16, Host: "a", Client: amiga, What: journal.Failed{Port: 9090}})
	w.Add(put, journal.Note{Session: 17, Host: "a", Client: amiga, What: journal.Claimed{Port: 9091}})
	w.Add(t.Context(), journal.Note{Session: 17, Host: "a", Client: amiga, What: journal.Ended{Why: "not used"}})
	w.Add(t.Context(), journal.Note{Session: 18, Host: "a", Client: "backend#000000ff", What: journal.Started{Port: 9092}})
	w.Add(t.Context(), journal.Note{Session: 20, Host: "a", Client: "visitor 192.0.2.3#000000ee", What: journal.Started{Port: 9093}})
	for _, name := range []string{"anna", "anna/second", "annabel", "anna-2/x"} {
		w.Add(t.Context(), journal.Note{Host: "a", Client: name, What: journal.Refused{Why: "full"}})
	}
	closed(t, w)
	for _, tt := range []struct {
		about string
		want  int
	}{
		{"ABCDEFGH22", 4}, {"abcdefgh22", 4}, {" 17 ", 4}, {"16", 3}, {"7", 1},
		{"192.0.2.1", 4}, {"192.0.2.1#1a2b3c4d", 4}, {"#1A2B3C4D", 4}, {"1a2b3c4d", 4}, {"::ffff:192.0.2.1", 4}, {"00000001", 1},
		{"192.0.2.1#00000001", 0}, {"backend#000000FF", 1}, {"ABCDEFGH44", 0}, {"19", 0}, {"192.0.2.9", 0},
		{"192.0.2.3", 1}, {"visitor 192.0.2.3#000000ee", 1}, {"anna", 2}, {"anna/second", 1}, {"anna/third", 0}, {"a.example", 0},
	} {
		if got := why(t, db, tt.about); len(got) != tt.want {
			t.Errorf("why %q tells %q, want %d entries", tt.about, sentences(got), tt.want)
		}
	}
	for _, about := range []string{"", "X", "ABCDEFGH21", "anna/", "/second", "192.0.2.1#", "#", "a example"} {
		if _, err := journal.Why(t.Context(), db, about); err != journal.ErrForm {
			t.Errorf("why %q: %v, want that it has no meaning", about, err)
		}
	}
}

// TestQueriesFilter by host and time, and go on after an entry.
func TestQueriesFilter(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		w := newWriter(t, db, false)
		for i := range 5 {
			w.Add(t.Context(), journal.Note{Host: fmt.Sprint("h", i%2), What: journal.HostUp{}})
		}
		closed(t, w)
		all := read(t, db, journal.Query{})
		if got := len(read(t, db, journal.Query{Host: "h1"})); got != 2 {
			t.Errorf("of h1: %d entries, want 2", got)
		}
		if got := read(t, db, journal.Query{Most: 2}); len(got) != 2 || got[1].ID != all[4].ID {
			t.Errorf("the latest two: %+v", got)
		}
		if got := len(read(t, db, journal.Query{After: all[2].ID})); got != 2 {
			t.Errorf("after the third: %d entries, want 2", got)
		}
		since := func(ago time.Duration) int { return len(read(t, db, journal.Query{Since: time.Now().Add(-ago)})) }
		if since(time.Hour) != 5 || since(-time.Hour) != 0 {
			t.Errorf("since an hour: %d entries, since then: %d; want 5 and 0", since(time.Hour), since(-time.Hour))
		}
	})
}

// TestOldEntriesArePruned, and no others, however many there are.
func TestOldEntriesArePruned(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		w := newWriter(t, db, false)
		for range 1300 {
			w.Add(t.Context(), journal.Note{Host: "old", What: journal.HostUp{}})
		}
		w.Add(t.Context(), journal.Note{Host: "new", Client: amiga, What: journal.Refused{Why: "full"}})
		for _, began := range []string{"2024-06-01 10:00:00.000", "2024-06-01 10:05:00.000"} {
			if _, err := db.Exec(`INSERT INTO journalSums (process, began, warm, refused, waits, reasons) VALUES ('p', ?, 0, 0, '', '')`, began); err != nil {
				t.Fatal(err)
			}
		}
		w.Add(t.Context(), journal.Note{Host: "new", What: journal.HostUp{}})
		eventually(t, "all are written", func() bool { return len(read(t, db, journal.Query{Host: "new"})) == 2 })
		if _, err := db.ExecContext(t.Context(), `UPDATE journal SET firstAt = '2024-06-01 10:00:00.000', lastAt = firstAt WHERE containerHost = 'old'`); err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), `UPDATE journal SET lastAt = firstAt`); err != nil { // SQLite took the old one
			t.Fatal(err)
		}
		if n, err := w.Prune(t.Context(), time.Hour); n != 1300 || err != nil {
			t.Errorf("Prune = %d, %v; want 1300", n, err)
		}
		if list := read(t, db, journal.Query{}); len(list) != 2 || list[0].Host != "new" {
			t.Errorf("left are %d entries", len(list))
		}
		var sums int
		if err := db.Get(&sums, `SELECT COUNT(*) FROM journalSums`); err != nil || sums != 1 {
			t.Errorf("left are %d rows of sums, %v; want that of now", sums, err)
		}
	})
}
