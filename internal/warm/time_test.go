package warm_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wrpdistributor/internal/bubbletest"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/session"
	"wrpdistributor/internal/warm"
)

// A world is hosts, sessions and a database in which nothing takes time, for tests
// of what a [warm.Warmer] does in an hour.
type world struct {
	broken string // a host on which nothing starts

	mu      sync.Mutex
	hosts   []hosts.Host
	lease   func(ctx context.Context) (bool, error)
	ended   int // how often the lease was ended
	waiting []session.Session
	starts  map[string][]time.Time // by host
}

func (w *world) warmer(log slog.Handler) *warm.Warmer {
	w.starts = make(map[string][]time.Time)
	return &warm.Warmer{Sessions: w, Store: w, Pool: w, MaxAge: time.Hour, Log: slog.New(log)}
}

// Hosts implements [warm.Pool].
func (w *world) Hosts() []hosts.Host {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.hosts
}

// setHosts makes others the hosts from now on.
func (w *world) setHosts(list ...hosts.Host) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hosts = list
}

// AwaitFirstCheck implements [warm.Pool].
func (w *world) AwaitFirstCheck(context.Context) {}

// StatusOf implements [warm.Pool].
func (w *world) StatusOf(name string) (hosts.Status, error) {
	list := w.Hosts()
	i := slices.IndexFunc(list, func(h hosts.Host) bool { return h.Name == name })
	if i < 0 {
		return hosts.Status{}, hosts.ErrUnknownHost
	}
	return hosts.Status{Host: list[i], State: hosts.Up}, nil
}

// IsCurrent implements [warm.Sessions].
func (w *world) IsCurrent(*session.Session) bool { return true }

// Lease implements [warm.Store].
func (w *world) Lease(ctx context.Context, _, _ string, _ time.Duration) (bool, error) {
	w.mu.Lock()
	lease := w.lease
	w.mu.Unlock()
	return lease(ctx)
}

// setLease says what becomes of attempts to get the lease from now on.
func (w *world) setLease(f func(ctx context.Context) (bool, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lease = f
}

func granted(context.Context) (bool, error) { return true, nil }

func refused(context.Context) (bool, error) { return false, nil }

// EndLease implements [warm.Store].
func (w *world) EndLease(context.Context, string, string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended++
	return nil
}

// Drained implements [warm.Store].
func (w *world) Drained(context.Context) (map[string]session.Drained, error) { return nil, nil }

// Aged implements [warm.Store].
func (w *world) Aged(context.Context, string, time.Duration) ([]session.Session, error) {
	return nil, nil
}

// WaitingOn implements [warm.Store].
func (w *world) WaitingOn(_ context.Context, host string) ([]session.Session, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.waiting), func(s session.Session) bool { return s.Host != host }), nil
}

// StartWarm implements [warm.Sessions].
func (w *world) StartWarm(_ context.Context, host string, _ bool, _ int) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.starts[host] = append(w.starts[host], time.Now())
	if host == w.broken {
		return false, errors.New("no space left on device")
	}
	w.waiting = append(w.waiting, session.Session{Host: host, State: session.Warm})
	return true, nil
}

// StopSession implements [warm.Sessions].
func (w *world) StopSession(_ context.Context, stop *session.Session) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = slices.DeleteFunc(w.waiting, func(s session.Session) bool { return s.ID == stop.ID })
	return true, nil
}

// Repair implements [warm.Sessions].
func (w *world) Repair(context.Context, *session.Session) (bool, error) { return false, nil }

func (w *world) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.waiting)
}

// A journal keeps what is logged. It is safe for concurrent use.
type journal struct {
	mu      sync.Mutex
	records []slog.Record
}

// Enabled implements [slog.Handler].
func (j *journal) Enabled(context.Context, slog.Level) bool { return true }

// WithAttrs implements [slog.Handler].
func (j *journal) WithAttrs([]slog.Attr) slog.Handler { return j }

// WithGroup implements [slog.Handler].
func (j *journal) WithGroup(string) slog.Handler { return j }

// Handle implements [slog.Handler].
func (j *journal) Handle(_ context.Context, r slog.Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.records = append(j.records, r)
	return nil
}

// levels returns how serious what was logged is, in order.
func (j *journal) levels() []slog.Level {
	j.mu.Lock()
	defer j.mu.Unlock()
	var list []slog.Level
	for _, r := range j.records {
		list = append(list, r.Level)
	}
	return list
}

// attr returns an attribute of a record; its zero value if there is none.
func attr(r slog.Record, key string) slog.Value {
	var found slog.Value
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == key {
			found = a.Value
		}
		return true
	})
	return found
}

// TestFailedPassesAreMadeLessAndLessOften: up to minutes apart, which the log says once,
// while another host is not kept waiting.
func TestFailedPassesAreMadeLessAndLessOften(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		w := &world{hosts: []hosts.Host{{Name: "bad", Warm: 1}, {Name: "good", Warm: 3}}, broken: "bad", lease: granted}
		logged := &journal{}
		stop := run(t, w.warmer(logged))
		time.Sleep(time.Hour)
		stop()
		attempts := w.starts["bad"]
		if n := len(logged.records); n != 1 {
			t.Fatalf("logged %d times in an hour, want once", n)
		}
		first := attempts[1].Sub(attempts[0])
		if said := attr(logged.records[0], "retry_in"); said.Kind() != slog.KindDuration || said.Duration() != first || attr(logged.records[0], "host").String() != "bad" {
			t.Errorf("the second attempt is made after %v, logged %v", first, logged.records[0])
		}
		for i, a := range attempts[1:] {
			pause := a.Sub(attempts[i])
			if pause < time.Second {
				t.Errorf("attempt %d: %v after the one before, want at least a second", i+1, pause)
			}
		}
		if last := attempts[len(attempts)-1].Sub(attempts[len(attempts)-2]); last < 150*time.Second || last > 450*time.Second {
			t.Errorf("the last attempts are %v apart, want 5 minutes, more or less by half", last)
		}
		if n := len(w.starts["good"]); n != 3 || w.count() != 3 {
			t.Errorf("%d starts on the good host, %d wait; want 3 and 3", n, w.count())
		}
	})
}

// TestOutageOfTheDatabaseIsLoggedOnce: however long it lasts, and so is its end.
func TestOutageOfTheDatabaseIsLoggedOnce(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		w := &world{hosts: []hosts.Host{{Name: "a", Warm: 1}}, lease: granted}
		logged := &journal{}
		run(t, w.warmer(logged))
		advance := func() {
			time.Sleep(time.Hour + time.Millisecond) // after what happens on the full second
			synctest.Wait()
		}
		advance()
		if got := logged.levels(); len(got) > 0 || w.count() != 1 {
			t.Fatalf("%d wait, logged at %v; want one and nothing", w.count(), got)
		}
		away := errors.New("no such table: leases")
		w.setLease(func(context.Context) (bool, error) { return false, away })
		advance()
		if got := logged.levels(); !slices.Equal(got, []slog.Level{slog.LevelWarn}) || attr(logged.records[0], "err").Any() != away {
			t.Errorf("logged at %v, want one warning with the error", got)
		}
		w.setLease(granted)
		advance()
		if got := logged.levels(); !slices.Equal(got, []slog.Level{slog.LevelWarn, slog.LevelInfo}) {
			t.Errorf("logged at %v, want that the outage ended, too", got)
		}
	})
}

// TestOnlyTheHolderOfTheLeaseWorks: others wait until they get it.
func TestOnlyTheHolderOfTheLeaseWorks(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		w := &world{hosts: []hosts.Host{{Name: "a", Warm: 1}}, lease: refused}
		run(t, w.warmer(slog.DiscardHandler))
		time.Sleep(time.Hour + time.Millisecond)
		if w.count() != 0 {
			t.Error("a container was warmed up without the lease")
		}
		w.setLease(granted)
		time.Sleep(4 * time.Second)
		if w.count() != 1 {
			t.Error("none was warmed up soon after the lease was granted")
		}
	})
}

// TestDisabledWaitsForTheLease: what another replica maintains is left alone for as
// long as that goes on, and stopped soon after it ends.
func TestDisabledWaitsForTheLease(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		w := &world{hosts: []hosts.Host{{Name: "a"}}, lease: refused}
		w.waiting = []session.Session{{ID: 1, Host: "a", State: session.Warm}}
		run(t, w.warmer(slog.DiscardHandler))
		time.Sleep(time.Hour + time.Millisecond)
		if w.count() != 1 {
			t.Error("what another replica maintains was stopped")
		}
		w.setLease(granted)
		time.Sleep(time.Minute)
		if w.count() != 0 {
			t.Error("what nobody maintains still waits after a minute")
		}
	})
}

// TestLeaseIsEndedEvenDuringRenewal: when Run ends while the database is asked for
// more time. Else others would wait until the lease expires.
func TestLeaseIsEndedEvenDuringRenewal(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		w := &world{hosts: []hosts.Host{{Name: "a", Warm: 1}}, lease: granted}
		warmer := w.warmer(slog.DiscardHandler)
		warmer.Release = true
		stop := run(t, warmer)
		time.Sleep(time.Second)
		w.setLease(func(ctx context.Context) (bool, error) { <-ctx.Done(); return false, ctx.Err() })
		time.Sleep(time.Minute)
		stop()
		if w.ended != 1 || w.count() != 0 {
			t.Errorf("the lease was ended %d times, %d wait; want once and none", w.ended, w.count())
		}
	})
}

// TestDisabledSaysNothingOfItsLease: who keeps nothing warm has no use for it.
func TestDisabledSaysNothingOfItsLease(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		w := &world{hosts: []hosts.Host{{Name: "a"}}, lease: refused}
		w.setLease(func(context.Context) (bool, error) { return false, errors.New("no such table: leases") })
		logged := &journal{}
		run(t, w.warmer(logged))
		time.Sleep(time.Hour)
		w.setLease(granted)
		time.Sleep(time.Hour)
		if got := logged.levels(); len(got) > 0 {
			t.Errorf("logged at %v, want nothing", got)
		}
	})
}

// TestHostsComeAndGo: containers wait on a host that joins, as many as its settings say
// now, none when it leaves, and whoever maintained it goes with it.
func TestHostsComeAndGo(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		w := &world{hosts: []hosts.Host{{Name: "a"}}, lease: granted}
		run(t, w.warmer(slog.DiscardHandler))
		for _, tt := range []struct {
			hosts []hosts.Host
			want  int
		}{
			{[]hosts.Host{{Name: "a"}}, 0},
			{[]hosts.Host{{Name: "a", Warm: 1}}, 1},
			{[]hosts.Host{{Name: "a", Warm: 1}, {Name: "b", Warm: 2}}, 3},
			{[]hosts.Host{{Name: "a", Warm: 1}, {Name: "b", Warm: 4}}, 5},
			{[]hosts.Host{{Name: "a", Warm: 1}, {Name: "b"}}, 1}, // as one that leaves
			{[]hosts.Host{{Name: "a", Warm: 1}}, 1},
			{[]hosts.Host{{Name: "a", Warm: 1}, {Name: "b", Warm: 2}}, 3},
			{[]hosts.Host{{Name: "a"}, {Name: "b"}}, 0},
			{[]hosts.Host{{Name: "a", Warm: 1}, {Name: "b"}}, 1},
		} {
			w.setHosts(tt.hosts...)
			time.Sleep(10*time.Second + time.Millisecond)
			synctest.Wait()
			if got := w.count(); got != tt.want {
				t.Errorf("on %+v %d wait, want %d", tt.hosts, got, tt.want)
			}
		}
	})
}
