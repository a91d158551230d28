package clock

import (
	"context"
	"errors"
	"testing"
	"time"

	"wrpdistributor/internal/bubbletest"
)

func TestSleep(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		begin := time.Now()
		if err := Sleep(t.Context(), time.Minute); err != nil || time.Since(begin) != time.Minute {
			t.Errorf("Sleep = %v after %v, want nil after a minute", err, time.Since(begin))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin = time.Now()
		if err := Sleep(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("Sleep = %v after %v, want the context's error after a second", err, time.Since(begin))
		}
	})
}
