package reaper_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"wrpdistributor/internal/bubbletest"
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
	bubbletest.Run(t, func(t *testing.T) {
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

// TestOnlyWholePassesAreTold to others and to monitoring: not dry ones, nor those over some
// hosts, nor those that could not be made.
func TestOnlyWholePassesAreTold(t *testing.T) {
	told := 0
	newReaper := func(store reaper.Store) *reaper.Reaper {
		return &reaper.Reaper{Store: store, Pool: noHosts(t), Log: slog.New(slog.DiscardHandler), Passed: func(context.Context) error { told++; return nil }}
	}
	if _, err := newReaper(&brokenStore{}).Reconcile(t.Context(), reaper.Options{}); err == nil || told != 0 {
		t.Errorf("Reconcile without a database = %v, and others are told of %d passes", err, told)
	}
	r := newReaper(&emptyStore{recounts: 2})
	for _, opt := range []reaper.Options{{DryRun: true}, {Hosts: []string{"a.example"}}, {}} {
		_, err := r.Reconcile(t.Context(), opt)
		must(t, err)
	}
	if told != 1 {
		t.Errorf("others are told of %d passes, want one", told)
	}
	metricstest.Read(t, r.Metrics()).Want(t, "after one", metricstest.Series{`cleanup_passes_total{result="done"}`: 1, `cleanup_failures_total`: 0})
}
