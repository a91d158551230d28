package httpapi_test

import (
	"strings"
	"testing"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/target/targettest"
)

// TestTargets: what names no page is refused before anything else is looked at, and
// an absolute target is as good as a path.
func TestTargets(t *testing.T) {
	b := newBench(t, databasetest.New(t), servicetest.Options{})
	address := strings.TrimPrefix(b.url, "http://")
	for _, tt := range targettest.Cases() {
		target := strings.ReplaceAll(tt.Target, "ADDRESS", address)
		send := func(headers string, want int) {
			t.Helper()
			if got := targettest.Send(t, address, tt.Method, target, headers); got != want {
				t.Errorf("%s %q [%s]: status = %d, want %d", tt.Method, target, headers, got, want)
			}
		}
		send("Bearer: "+token+"\r\n", tt.API)
		without := tt.API
		if without == 200 || without == 405 {
			without = 401
		}
		send("", without)
	}
}
