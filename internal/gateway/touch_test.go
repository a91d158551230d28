package gateway_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/session"
)

const interval = time.Second

// record makes the database write down when a session's use was written down.
func (b *bench) record(t *testing.T) {
	t.Helper()
	for _, statement := range []string{
		`CREATE TABLE uses (at REAL)`,
		`CREATE TRIGGER used AFTER UPDATE OF lastUsed ON sessions WHEN NEW.lastUsed IS NOT NULL BEGIN INSERT INTO uses VALUES (unixepoch('subsec')); END`,
	} {
		_, err := b.DB.ExecContext(t.Context(), statement)
		must(t, err)
	}
}

// uses returns when use was written down, oldest first.
func (b *bench) uses(t *testing.T) []time.Time {
	t.Helper()
	var seconds []float64
	must(t, b.DB.SelectContext(context.WithoutCancel(t.Context()), &seconds, `SELECT at FROM uses ORDER BY at`))
	list := make([]time.Time, len(seconds))
	for i, s := range seconds {
		list[i] = time.UnixMilli(int64(s * 1000))
	}
	return list
}

// spaced checks that use was written down once in an interval.
func spaced(t *testing.T, list []time.Time) {
	t.Helper()
	for i := 1; i < len(list); i++ {
		if gap := list[i].Sub(list[i-1]); gap < interval-50*time.Millisecond {
			t.Errorf("written down again after %v, want %v between", gap, interval)
		}
	}
}

// TestDecision37UseIsWritten: whatever the traffic, at most once in an interval,
// and never later than that.
func TestDecision37UseIsWritten(t *testing.T) {
	t.Parallel() // it mostly waits
	b := newBench(t, databasetest.New(t), options{Config: gateway.Config{Interval: interval}})
	b.record(t)
	s := allocate(t, b.Kit, amiga)
	if list := b.uses(t); len(list) > 0 {
		t.Fatalf("used %d times before it was", len(list))
	}
	var last time.Time
	for start := time.Now(); time.Since(start) < 3*interval+interval/2; pause(10 * time.Millisecond) {
		wants(t, "a page", b.get(t, "/favicon.ico", s.Token), 404)
		last = time.Now()
	}
	eventually(t, "the trailing write", func() bool { return b.uses(t)[len(b.uses(t))-1].After(last.Add(-interval / 10)) })
	list := b.uses(t)
	spaced(t, list)
	if late := list[len(list)-1].Sub(last); late > interval || len(list) != 5 {
		t.Errorf("written down %d times, at last %v after the last use; want 5 times, and at most %v", len(list), late, interval)
	}
	pause(2 * interval)
	if n := len(b.uses(t)); n != 5 {
		t.Errorf("written down %d times after the last use", n-5)
	}
}

// TestDecision37BytesThatMove: a request is use as long as it lasts.
func TestDecision37BytesThatMove(t *testing.T) {
	t.Parallel() // it mostly waits
	end := make(chan struct{})
	b, s := newUpstream(t, options{Config: gateway.Config{Interval: interval}}, func(w http.ResponseWriter, r *http.Request) {
		for {
			_, _ = io.WriteString(w, "more")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-end:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
	b.record(t)
	done := make(chan answer)
	go func() { done <- ask(t, "GET", b.url+"/", "Bearer: "+s.Token) }()
	eventually(t, "four writes", func() bool { return len(b.uses(t)) == 4 })
	spaced(t, b.uses(t))
	pause(interval / 2)
	close(end)
	ended := time.Now()
	wants(t, "the request", (<-done).StatusCode, 200)
	eventually(t, "the last write", func() bool { return len(b.uses(t)) == 5 })
	if late := b.uses(t)[4].Sub(ended); late > interval {
		t.Errorf("the end was written down after %v", late)
	}
}

// TestDecision37Shutdown: the last use is written down before the process ends,
// that of requests which finish while it does too.
func TestDecision37Shutdown(t *testing.T) {
	t.Parallel() // it mostly waits
	end := make(chan struct{})
	b, s := newUpstream(t, options{idle: true}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-end
		}
	})
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error)
	go func() { ran <- b.gw.Run(ctx) }()
	b.record(t)
	wants(t, "a page", b.get(t, "/", s.Token), 200)
	pause(1200 * time.Millisecond) // until the use is another one
	wants(t, "a page", b.get(t, "/", s.Token), 200)
	done := make(chan answer)
	go func() { done <- ask(t, "GET", b.url+"/slow", "Bearer: "+s.Token) }()
	eventually(t, "a request under way", func() bool { return b.Hosts[0].OpenChannels() > 0 })
	pause(20 * time.Millisecond)
	if n := len(b.uses(t)); n != 1 {
		t.Fatalf("written down %d times, want once", n)
	}
	stop()
	must(t, <-ran)
	if n := len(b.uses(t)); n != 2 {
		t.Errorf("written down %d times when Run had ended, want twice", n)
	}
	drained := make(chan struct{})
	go func() { b.gw.Drain(context.WithoutCancel(ctx)); close(drained) }()
	pause(1200 * time.Millisecond)
	close(end)
	wants(t, "the slow page", (<-done).StatusCode, 200)
	<-drained
	if n := len(b.uses(t)); n != 3 {
		t.Errorf("written down %d times at the end, want three times", n)
	}
}

// TestUseKeepsAlive: cleanup ends a session that nobody uses, and none that a
// gateway serves.
func TestUseKeepsAlive(t *testing.T) {
	b := newBench(t, databasetest.New(t), options{Config: gateway.Config{Interval: interval}})
	used := allocate(t, b.Kit, amiga)
	unused := allocate(t, b.Kit, session.Client{IP: "192.0.2.2", UserAgent: "x"})
	back := func() {
		_, err := b.DB.ExecContext(t.Context(), `UPDATE sessions SET started = datetime('now', '-1 hour'), lastUsed = datetime('now', '-1 hour')`)
		must(t, err)
	}
	back()
	wants(t, "a page", b.get(t, "/", used.Token), 200)
	idle, err := b.Store.Idle(t.Context(), time.Minute)
	must(t, err)
	if len(idle) != 1 || idle[0].ID != unused.ID {
		t.Errorf("idle: %v, want the one that was not used", idle)
	}
}
