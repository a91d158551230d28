package database

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"wrpdistributor/internal/bubbletest"
	"wrpdistributor/internal/metricstest"
)

// TestHeartbeatKnowsWhetherWritesAreTaken lets a database fail for a while, fast or by
// saying nothing.
func TestHeartbeatKnowsWhetherWritesAreTaken(t *testing.T) {
	refused := errors.New("refused")
	for name, failing := range map[string]func(context.Context) error{
		"refusing": func(context.Context) error { return refused },
		"silent":   func(ctx context.Context) error { <-ctx.Done(); return refused },
	} {
		t.Run(name, func(t *testing.T) { bubbletest.Run(t, func(t *testing.T) { checkHeartbeat(t, failing, refused) }) })
	}
}

// checkProof compares what monitoring is told with what is so.
func checkProof(t *testing.T, h *Heartbeat, writable bool) {
	t.Helper()
	got := metricstest.Read(t, h.Metrics())
	if is := got["wrpdistributor_database_writable"] == 1; is != writable {
		t.Errorf("monitoring is told that writes are taken: %v, want %v", is, writable)
	}
	age := float64(time.Now().Unix()) - got["wrpdistributor_database_last_write_timestamp_seconds"]
	if isLate := age >= TakesWrites.Seconds(); isLate == writable {
		t.Errorf("monitoring is told that the last write is %v s ago, and that they are taken: %v", age, writable)
	}
}

func checkHeartbeat(t *testing.T, failing func(context.Context) error, refused error) {
	var works atomic.Bool
	var writes atomic.Int64
	var ended atomic.Bool
	h := NewHeartbeat(new(DB), Process{}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	h.end = func(ctx context.Context) error { ended.Store(true); return ctx.Err() }
	h.write = func(ctx context.Context) error {
		writes.Add(1)
		if works.Load() {
			return nil
		}
		return failing(ctx)
	}
	after := func(d time.Duration, want bool) {
		t.Helper()
		time.Sleep(d)
		synctest.Wait()
		err := h.Err()
		if (err == nil) != want || !want && !errors.Is(err, refused) {
			t.Errorf("takes writes: %v, want %v", err, want)
		}
		if err != nil && strings.Contains(err.Error(), "takes no writes") {
			t.Errorf("%v: who asks knows that, and says so once more", err)
		}
		checkProof(t, h, want)
	}
	if !errors.Is(h.Err(), errNoBeat) {
		t.Errorf("before the first write: %v, want %v", h.Err(), errNoBeat)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); h.Run(ctx) }()
	after(beatTimeout, false)
	works.Store(true)
	after(beatTimeout+beatAgain, true)
	after(time.Hour, true)
	if n, most := writes.Load(), int64(2*beatTimeout/beatAgain+time.Hour/beatEvery); n > most {
		t.Errorf("%d writes, want at most %d", n, most)
	}
	works.Store(false)
	after(TakesWrites-beatEvery-beatAgain, true)
	after(beatEvery+beatAgain, false)
	after(time.Hour, false)
	works.Store(true)
	after(beatTimeout+beatAgain, true)
	if ended.Load() {
		t.Error("the process was noted as stopped while it ran")
	}
	cancel()
	<-done
	if !ended.Load() {
		t.Error("the process was not noted as stopped")
	}
}

// TestWriteIsTriedForWhoAsks: not for a second after one that was taken; one for all who ask
// at once; one that hangs is none. What is known to fail is not tried for anybody.
func TestWriteIsTriedForWhoAsks(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		var writes, hangs atomic.Int64
		h := NewHeartbeat(&DB{cfg: Config{Path: "x.db"}}, Process{}, slog.New(slog.NewTextHandler(t.Output(), nil)))
		h.end = func(context.Context) error { return nil }
		h.write = func(ctx context.Context) error {
			writes.Add(1)
			if hangs.Load() > 0 {
				<-ctx.Done()
			}
			return ctx.Err()
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- h.Run(ctx) }()
		try := func(when string, want error, wantWrites int64) {
			t.Helper()
			before := writes.Load()
			patience, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			var asked sync.WaitGroup
			for range 9 {
				asked.Go(func() {
					if err := h.Try(patience); !errors.Is(err, want) {
						t.Errorf("%s: %v, want %v", when, err, want)
					}
				})
			}
			asked.Wait()
			if n := writes.Load() - before; n != wantWrites {
				t.Errorf("%s: %d writes, want %d", when, n, wantWrites)
			}
		}
		synctest.Wait()
		try("a write was made just now", nil, 0)
		time.Sleep(2 * freshWrite)
		try("it was made two seconds ago", nil, 1)
		time.Sleep(2 * freshWrite)
		hangs.Store(1)
		try("writes hang", ErrLocked, 1)
		time.Sleep(beatTimeout - beatAgain/2) // it began when it was tried
		try("one has failed", ErrLocked, 0)
		cancel()
		<-done
	})
}

// TestHeartbeatEndsWithTheSchema: an outage is waited for, tables that are gone are not,
// and a row that is gone cannot be noted as stopped.
func TestHeartbeatEndsWithTheSchema(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		h := NewHeartbeat(new(DB), Process{}, slog.New(slog.NewTextHandler(t.Output(), nil)))
		h.end = func(context.Context) error { t.Error("noted as stopped"); return nil }
		answers := []error{nil, errors.New("outage"), fmt.Errorf("write heartbeat: %w", ErrNoSchema)}
		h.write = func(context.Context) error {
			err := answers[0]
			answers = answers[1:]
			return err
		}
		if err := h.Run(t.Context()); !errors.Is(err, ErrNoSchema) || len(answers) != 0 {
			t.Errorf("Run = %v with %d answers left, want ErrNoSchema", err, len(answers))
		}
	})
}
