package reminder

import (
	"errors"
	"testing"
	"time"

	"wrpdistributor/internal/bubbletest"
)

func TestLastingTroubleIsSaidOnceAnHour(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		var trouble Trouble
		refused := errors.New("dial 10.0.0.1:22: refused")
		if trouble.Over() {
			t.Error("there is trouble before any was noted")
		}
		var said []time.Duration
		for begin := time.Now(); time.Since(begin) <= 2*Every; time.Sleep(30 * time.Second) {
			if trouble.Due(refused) {
				said = append(said, time.Since(begin))
			}
		}
		if len(said) != 3 || said[0] != 0 || said[1] != Every || said[2] != 2*Every {
			t.Errorf("said after %v, want at once, and hourly", said)
		}
		if !trouble.Lasts() || !trouble.Over() || trouble.Lasts() || trouble.Over() {
			t.Error("it is not over once")
		}
		if !trouble.Due(refused) {
			t.Error("trouble that came back is not said")
		}
	})
}

// TestOtherTroubleIsNews: but not other numbers, and not what is said already.
func TestOtherTroubleIsNews(t *testing.T) {
	var trouble Trouble
	for _, tt := range []struct {
		text string
		want bool
	}{
		{"read 10.0.0.1:4711: reset", true},
		{"read 10.0.0.1:4712: reset", false},
		{"no permission", true},
		{"read 10.0.0.1:815: reset", false},
		{"no permission", false},
	} {
		if got := trouble.Due(errors.New(tt.text)); got != tt.want {
			t.Errorf("%s: due %t, want %t", tt.text, got, tt.want)
		}
	}
}
