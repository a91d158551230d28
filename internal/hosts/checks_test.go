package hosts

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"wrpdistributor/internal/bubbletest"
)

// TestChecksAreSpread: those of hosts that were all checked at one moment, evenly over
// the interval, and those after at the same distance.
func TestChecksAreSpread(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		const hosts, tenth = 100, checkInterval / 10
		turns := newTurns(hosts)
		time.Sleep(1234 * time.Millisecond) // of the logins
		perTenth := make([]int, 10)
		for range hosts {
			turn := turns.next()
			first := turn()
			if first <= 0 || first > checkInterval {
				t.Fatalf("the next check comes after %v", first)
			}
			perTenth[(first-1)/tenth]++
		}
		if least, most := slices.Min(perTenth), slices.Max(perTenth); least < 9 || most > 11 {
			t.Errorf("%d checks begin in the tenths of an interval", perTenth)
		}
		again := newTurns(1).next()
		for range 3 {
			time.Sleep(again())
			if next := again(); next != checkInterval {
				t.Errorf("a check that comes in its turn is followed by the next after %v", next)
			}
		}
	})
}

// TestLoginsTakeTurns: few are under way at once; one whose host takes its time does not
// keep the others waiting.
func TestLoginsTakeTurns(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		l := newLogins()
		var begun atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		for range 3*parallelLogins + 1 {
			go func() {
				done := l.begin()
				begun.Add(1)
				<-ctx.Done()
				done()
			}()
		}
		for i := range 3 {
			synctest.Wait()
			if n, want := int(begun.Load()), (i+1)*parallelLogins; n != want {
				t.Errorf("after %d turns %d logins have begun, want %d", i, n, want)
			}
			time.Sleep(loginTurn)
		}
		cancel()
		synctest.Wait()
		if len(l.turns) != 0 {
			t.Errorf("%d places are taken when all is over", len(l.turns))
		}
	})
}

// TestQueueCostsNoPatience: that other hosts are logged in to first says nothing
// against one.
func TestQueueCostsNoPatience(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		var queued atomic.Bool
		queued.Store(true)
		p, end := newPatience(t.Context(), time.Second, func() *connection { return nil }, queued.Load)
		defer end()
		time.Sleep(time.Hour)
		if err := p.Err(); err != nil {
			t.Errorf("while it waits for its turn: %v", err)
		}
		queued.Store(false)
		time.Sleep(time.Second / 2)
		if err := p.Err(); err != nil {
			t.Errorf("after half of its time: %v", err)
		}
		time.Sleep(time.Second)
		if p.Err() == nil {
			t.Error("it has all the time in the world")
		}
	})
}

// TestSomeHostsAreEnough: who waits for the first checks goes on without the hosts that
// do not answer, when a connect timeout has passed and one takes containers.
func TestSomeHostsAreEnough(t *testing.T) {
	for _, tt := range []struct {
		name            string
		up, over, until time.Duration
	}{
		{"one up soon", time.Second, time.Hour, 5 * time.Second},
		{"one up late", 8 * time.Second, time.Hour, 8 * time.Second},
		{"all checked", time.Second, 2 * time.Second, 2 * time.Second},
		{"none up", 2 * time.Hour, 9 * time.Second, 9 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubbletest.Run(t, func(t *testing.T) {
				round := &firstRound{began: time.Now(), over: make(chan struct{}), up: make(chan struct{})}
				defer time.AfterFunc(tt.up, func() { close(round.up) }).Stop()
				defer time.AfterFunc(tt.over, func() { close(round.over) }).Stop()
				p := &Pool{first: newFirstChecks(5 * time.Second)}
				p.first.running = round
				begun := time.Now()
				if p.AwaitFirstCheck(t.Context()); time.Since(begun) != tt.until {
					t.Errorf("it was waited for %v, want %v", time.Since(begun), tt.until)
				}
				if p.AwaitFirstCheck(t.Context()); time.Since(begun) != tt.until {
					t.Errorf("the next waited until %v, want no wait after %v", time.Since(begun), tt.until)
				}
			})
		})
	}
}
