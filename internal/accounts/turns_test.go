package accounts

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"wrpdistributor/internal/bubbletest"
)

// TestNobodyWaitsLongForATurn: who finds an address busy is told so in the end, and leaves
// the line as it was.
func TestNobodyWaitsLongForATurn(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		from := netip.MustParseAddr("192.0.2.7")
		turns := turns{of: newLines()}
		var releases []func()
		for range atOnce {
			release, err := turns.take(t.Context(), from)
			if err != nil {
				t.Fatal(err)
			}
			releases = append(releases, release)
		}
		began := time.Now()
		if _, err := turns.take(t.Context(), from); !errors.Is(err, ErrBusy) || time.Since(began) != maxTurnWait {
			t.Errorf("after %v: %v, want to be told after %v that the address is busy", time.Since(began), err, maxTurnWait)
		}
		left, leave := context.WithCancel(t.Context())
		leave()
		if _, err := turns.take(left, from); !errors.Is(err, context.Canceled) {
			t.Errorf("who left is told %v", err)
		}
		for _, release := range releases {
			release()
		}
		if len(turns.of) > 0 {
			t.Error("the line of an address stays when nobody is in it")
		}
	})
}
