package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/session"
)

const (
	interval = time.Second
	look     = interval / 15 // between two looks for use that is due
)

// spaced checks that use was written down so often, and once in an interval: no look
// later, and hence at most one sooner.
func spaced(t *testing.T, list []time.Time, want int) {
	t.Helper()
	if len(list) != want {
		t.Errorf("use was written down %d times, want %d", len(list), want)
	}
	for i := 1; i < len(list); i++ {
		if gap := list[i].Sub(list[i-1]); gap < interval-look {
			t.Errorf("use was written down again after %v, want %v between, or a look less", gap, interval)
		}
	}
}

// TestUseIsFlushedOnceAnInterval: whatever the traffic, at most once in an
// interval, and never later than that.
func TestUseIsFlushedOnceAnInterval(t *testing.T) {
	simulate(t, gateway.Config{Interval: interval}, echo, func(t *testing.T, s *simulation) {
		run(t, s.gw)
		if list := s.sessions.written(); len(list) > 0 {
			t.Fatalf("used %d times before it was", len(list))
		}
		var last time.Time
		for start := time.Now(); time.Since(start) < 3*interval+interval/2; time.Sleep(10 * time.Millisecond) {
			wants(t, "a page", s.get(t, "/", s.token).StatusCode, 200)
			last = time.Now()
		}
		time.Sleep(10 * interval)
		list := s.sessions.written()
		spaced(t, list, 5)
		if late := list[len(list)-1].Sub(last); late < 0 || late > interval {
			t.Errorf("the last use was written down %v after it, want at most %v", late, interval)
		}
	})
}

// TestShortExchangeIsOneUse: its begin and its end are not written down twice.
func TestShortExchangeIsOneUse(t *testing.T) {
	page := func(http.ResponseWriter, *http.Request) { time.Sleep(20 * time.Millisecond) }
	simulate(t, gateway.Config{Interval: interval}, page, func(t *testing.T, s *simulation) {
		run(t, s.gw)
		wants(t, "a page", s.get(t, "/", s.token).StatusCode, 200)
		time.Sleep(10 * interval)
		spaced(t, s.sessions.written(), 1)
	})
}

// TestExchangeIsUseAsLongAsItLasts: of one that lasts for several intervals use is
// written down in each, and its end too.
func TestExchangeIsUseAsLongAsItLasts(t *testing.T) {
	end := make(chan struct{})
	trickle := func(w http.ResponseWriter, _ *http.Request) {
		for {
			_, _ = io.WriteString(w, "more")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-end:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	simulate(t, gateway.Config{Interval: interval}, trickle, func(t *testing.T, s *simulation) {
		end = make(chan struct{})
		run(t, s.gw)
		done := s.begin(t, "/")
		time.Sleep(3*interval + interval/2)
		spaced(t, s.sessions.written(), 4)
		close(end)
		wants(t, "the request", (<-done).StatusCode, 200)
		ended := time.Now()
		time.Sleep(10 * interval)
		list := s.sessions.written()
		spaced(t, list, 5)
		if late := list[len(list)-1].Sub(ended); late < 0 || late > interval {
			t.Errorf("the end was written down %v after it, want at most %v", late, interval)
		}
	})
}

// TestLastUseIsFlushedAtShutdown: before the process ends, that of requests which
// finish while it does too.
func TestLastUseIsFlushedAtShutdown(t *testing.T) {
	end := make(chan struct{})
	wrp := func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-end
		}
	}
	simulate(t, gateway.Config{}, wrp, func(t *testing.T, s *simulation) {
		end = make(chan struct{})
		const anotherUse = 1200 * time.Millisecond
		ctx, stop := context.WithCancel(t.Context())
		ran := make(chan error)
		go func() { ran <- s.gw.Run(ctx) }()
		wants(t, "a page", s.get(t, "/", s.token).StatusCode, 200)
		time.Sleep(anotherUse)
		wants(t, "a page", s.get(t, "/", s.token).StatusCode, 200)
		slow := s.begin(t, "/slow")
		if n := len(s.sessions.written()); n != 1 {
			t.Fatalf("written down %d times, want once", n)
		}
		stop()
		must(t, <-ran)
		if n := len(s.sessions.written()); n != 2 {
			t.Errorf("written down %d times when Run had ended, want twice", n)
		}
		drained := make(chan struct{})
		go func() { s.gw.Drain(t.Context()); close(drained) }()
		time.Sleep(anotherUse)
		close(end)
		wants(t, "the slow page", (<-slow).StatusCode, 200)
		<-drained
		if n := len(s.sessions.written()); n != 3 {
			t.Errorf("written down %d times at the end, want three times", n)
		}
	})
}

// TestUseOfManyIsWrittenTogether: of as many sessions as there may be, each used at times
// of its own, in one statement for all that is due before the next look, by their ids.
func TestUseOfManyIsWrittenTogether(t *testing.T) {
	simulate(t, gateway.Config{Interval: interval}, echo, func(t *testing.T, s *simulation) {
		const sessions, intervals = 300, 5
		for id := int64(2); id <= sessions; id++ {
			row := session.Session{ID: id, State: session.Running, Host: "host0", Gateway: true, Token: fmt.Sprintf("%040d", id), Started: time.Now()}
			s.sessions.put(row)
			s.gw.Started(&row)
		}
		run(t, s.gw)
		start := time.Now()
		for i := 0; time.Since(start) < intervals*interval; i++ {
			wants(t, "a page", s.get(t, "/", fmt.Sprintf("%040d", 2+i%(sessions-1))).StatusCode, 200)
			time.Sleep(interval / sessions)
		}
		time.Sleep(interval)
		statements := s.sessions.flushed()
		if most := (intervals + 1) * 15; len(statements) > most {
			t.Errorf("use was written down by %d statements in %v, want at most %d", len(statements), time.Since(start), most)
		}
		count := make(map[int64]int)
		for _, ids := range statements {
			if !slices.IsSorted(ids) {
				t.Errorf("not in order: %v", ids)
			}
			for _, id := range ids {
				count[id]++
			}
		}
		for id := int64(2); id <= sessions; id++ {
			if n := count[id]; n < intervals-1 || n > intervals+1 {
				t.Errorf("the use of session %d was written down %d times in %d intervals", id, n, intervals)
			}
		}
	})
}

// TestFailedFlushIsRetried: within the interval, and then use is written down again
// once in one.
func TestFailedFlushIsRetried(t *testing.T) {
	simulate(t, gateway.Config{Interval: interval}, echo, func(t *testing.T, s *simulation) {
		run(t, s.gw)
		synctest.Wait()
		s.sessions.setDown(true)
		wants(t, "a page", s.get(t, "/", s.token).StatusCode, 200)
		time.Sleep(interval / 2)
		if s.log.count("err=\"database is down\"") == 0 {
			t.Error("the log does not say what failed")
		}
		s.sessions.setDown(false)
		time.Sleep(interval / 2)
		spaced(t, s.sessions.written(), 1)
	})
}

// TestUsedSessionIsNotIdle: cleanup stops a session that nobody uses, and none that
// a gateway serves.
func TestUsedSessionIsNotIdle(t *testing.T) {
	t.Parallel()
	b := newBench(t, databasetest.New(t), options{Config: gateway.Config{Interval: interval}})
	used := allocate(t, b.Kit, amiga)
	unused := allocate(t, b.Kit, session.Client{IP: "192.0.2.2", UserAgent: "x"})
	b.age(t)
	wants(t, "a page", b.get(t, "/", used.Token), 200)
	idle, err := b.Store.Idle(t.Context(), time.Minute)
	must(t, err)
	if len(idle) != 1 || idle[0].ID != unused.ID {
		t.Errorf("idle: %v, want the one that was not used", idle)
	}
}
