package session

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"wrpdistributor/internal/bubbletest"
)

// TestReadyDoesNotWaitForTheDatabase: one question a second for all who ask, given up
// after another; what was known before stays known.
func TestReadyDoesNotWaitForTheDatabase(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		var seen drainedHostsSeen
		asked := 0
		answers := func(context.Context) (map[string]Drained, error) {
			asked++
			return map[string]Drained{"a": {}}, nil
		}
		hangs := func(ctx context.Context) (map[string]Drained, error) {
			asked++
			<-ctx.Done()
			return nil, errors.New("no answer")
		}
		seen.look(t.Context(), answers)
		time.Sleep(time.Minute)
		began := time.Now()
		asked = 0
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if list := seen.look(t.Context(), hangs); len(list) != 1 {
					t.Errorf("drained hosts = %v, want the one that is known", list)
				}
			})
		}
		wg.Wait()
		seen.look(t.Context(), hangs)
		if took := time.Since(began); took >= 2*time.Second || asked != 1 {
			t.Errorf("101 looks took %s and %d questions, want less than 2s and one", took, asked)
		}
	})
}
