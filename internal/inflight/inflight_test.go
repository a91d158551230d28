package inflight

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"wrpdistributor/internal/bubbletest"
)

// TestDrainWaitsForWorkUnderWay: for all of it, or for its context, and takes no more.
func TestDrainWaitsForWorkUnderWay(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		var c Counter
		for range 2 {
			if !c.Begin() || !c.Busy() {
				t.Fatal("a new counter takes no work")
			}
		}
		c.End()
		soon, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Drain(soon); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Drain with work under way = %v, want the end of its time", err)
		}
		if c.Begin() {
			t.Error("work is taken while draining")
		}
		drained := make(chan error, 2)
		for range 2 {
			go func() { drained <- c.Drain(t.Context()) }()
		}
		synctest.Wait()
		if len(drained) > 0 {
			t.Error("Drain returned while work was under way")
		}
		c.End()
		for range 2 {
			if err := <-drained; err != nil {
				t.Errorf("Drain = %v after the last one ended", err)
			}
		}
		if err := c.Drain(t.Context()); err != nil || c.Busy() {
			t.Errorf("Drain with nothing under way = %v, busy %t", err, c.Busy())
		}
	})
}
