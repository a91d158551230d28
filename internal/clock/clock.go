// Package clock waits for time to pass, or for the end of a context, whichever
// comes first.
package clock

import (
	"context"
	"time"
)

// Sleep waits for d. It returns the error of ctx if that ended before.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
