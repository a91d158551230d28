package auth_test

import (
	"log/slog"
	"net/http/httptest"
	"testing"

	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/metricstest"
)

// TestMetricsOfFailures: those that were refused, and those of an address that had too
// many.
func TestMetricsOfFailures(t *testing.T) {
	g := auth.New(nil, slog.New(slog.DiscardHandler))
	metricstest.Read(t, g.Metrics()).Want(t, "at first", metricstest.Series{`auth_failures_total{result="refused"}`: 0, `auth_failures_total{result="limited"}`: 0})
	want := metricstest.Series{}
	for range 70 {
		name := `auth_failures_total{result="refused"}`
		if g.Failed(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)) == 429 {
			name = `auth_failures_total{result="limited"}`
		}
		want[name]++
	}
	if want[`auth_failures_total{result="limited"}`] == 0 {
		t.Error("none was limited")
	}
	metricstest.Read(t, g.Metrics()).Want(t, "afterwards", want)
}
