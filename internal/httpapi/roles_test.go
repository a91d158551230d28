package httpapi

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/bubbletest"
	"wrpdistributor/internal/metricstest"
)

// TestPreviousTokenIsRemindedOf: at the first request that has it, and once an hour with
// how many there were, for as long as there are any.
func TestPreviousTokenIsRemindedOf(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		var lines bytes.Buffer
		log := slog.New(slog.NewTextHandler(&lines, nil))
		s := NewWaiting(Config{Guard: auth.New(nil, log), AuthToken: "new", PreviousToken: "old", Log: log})
		ask := func(token string, times int) {
			t.Helper()
			for range times {
				r, w := httptest.NewRequest("HEAD", "/", nil), httptest.NewRecorder()
				r.Header.Set("Bearer", token)
				r.Header.Set("User-Agent", "AmiFox")
				if s.ServeHTTP(w, r); w.Code != 503 {
					t.Errorf("with token %s: %d, want 503, since there is no database", token, w.Code)
				}
			}
		}
		said := func(want ...string) {
			t.Helper()
			var got []string
			for line := range strings.Lines(lines.String()) {
				if _, rest, ok := strings.Cut(line, `msg="previous token still used" setting=AUTH_TOKEN_PREVIOUS `); ok {
					got = append(got, rest)
				}
			}
			for i, line := range got {
				if i >= len(want) || !strings.HasPrefix(line, want[i]+" client=192.0.2.1#") {
					t.Errorf("line %d is %q", i, line)
				}
			}
			if len(got) != len(want) {
				t.Errorf("%d lines, want %d", len(got), len(want))
			}
			lines.Reset()
		}
		ask("new", 5)
		said()
		ask("old", 3)
		said("requests=1")
		time.Sleep(time.Hour - time.Second)
		ask("old", 4)
		said()
		time.Sleep(time.Second)
		ask("old", 1)
		said("requests=7") // those since the last line
		time.Sleep(5 * time.Hour)
		ask("new", 5)
		said()
		metricstest.Read(t, s.Metrics()).Want(t, "afterwards", metricstest.Series{"previous_token_requests_total": 8})
	})
}
