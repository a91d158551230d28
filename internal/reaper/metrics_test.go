package reaper_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"wrpdistributor/internal/metricstest"
	"wrpdistributor/internal/reaper"
	"wrpdistributor/internal/session"
)

// emptyStore has no sessions, and tells of a problem for a while.
type emptyStore struct {
	reaper.Store
	recounts int
}

// All implements [reaper.Store].
func (s *emptyStore) All(context.Context) ([]session.Session, error) { return nil, nil }

// Recount implements [reaper.Store].
func (s *emptyStore) Recount(context.Context) error {
	if s.recounts++; s.recounts <= 2 {
		return context.DeadlineExceeded
	}
	return nil
}

// TestMetricsOfPasses: how many there were, what came of them, and when the last one that
// was made ended.
func TestMetricsOfPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		read := func(store reaper.Store) metricstest.Series {
			r := &reaper.Reaper{Store: store, Pool: noHosts(t), Log: slog.New(slog.DiscardHandler)}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute+time.Second)
			defer cancel()
			must(t, r.Run(ctx, time.Minute, reaper.Options{}))
			return metricstest.Read(t, r.Metrics())
		}
		read(&emptyStore{}).Want(t, "after passes", metricstest.Series{
			`cleanup_passes_total{result="done"}`: 3, `cleanup_passes_total{result="problems"}`: 2, `cleanup_passes_total{result="failed"}`: 0,
			`cleanup_interval_seconds`: 60, `cleanup_last_success_timestamp_seconds`: float64(began.Add(5 * time.Minute).Unix()),
		})
		read(&brokenStore{}).Want(t, "after passes that failed", metricstest.Series{
			`cleanup_passes_total{result="done"}`: 0, `cleanup_passes_total{result="failed"}`: 5, `cleanup_last_success_timestamp_seconds`: 0,
		})
	})
}
