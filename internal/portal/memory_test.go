package portal

import (
	"strconv"
	"testing"
	"time"

	"wrpdistributor/internal/bubbletest"
)

// TestPagesStopLooking: after five minutes, until somebody clicks. Who comes back after a
// while begins anew.
func TestPagesStopLooking(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		var w waits
		w.init()
		for began := time.Now(); time.Since(began) < lookFor; time.Sleep(20 * time.Second) {
			if !w.look("anna") {
				t.Fatalf("the page stops looking after %s", time.Since(began))
			}
		}
		if w.number() != 1 || w.look("anna") || w.number() != 0 {
			t.Error("the page goes on looking")
		}
		if !w.look("anna") {
			t.Error("a click does not begin anew")
		}
		time.Sleep(lookFor)
		if n := w.number(); n != 0 || !w.look("anna") {
			t.Errorf("who looked five minutes ago is counted as waiting (%d), or does not begin anew", n)
		}
		w.end("anna")
		if n := w.number(); n != 0 {
			t.Errorf("%d wait whose session is there", n)
		}
	})
}

// TestWhatIsRememberedIsBounded, however many people come.
func TestWhatIsRememberedIsBounded(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		var w waits
		var k tokens
		w.init()
		k.init()
		for i := range 3 * maxKnown {
			key := strconv.Itoa(i)
			w.look(key)
			k.know(key, key)
			if token, ok := k.find(key); !ok || token != key {
				t.Fatalf("the token of %s is %q", key, token)
			}
		}
		if len(w.of) > maxKnown || len(k.of) > maxKnown {
			t.Errorf("%d and %d are remembered, want %d at most", len(w.of), len(k.of), maxKnown)
		}
		time.Sleep(tokenAge)
		if _, ok := k.find("29999"); ok {
			t.Error("a token is believed for ever")
		}
	})
}
