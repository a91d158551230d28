package database

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// What is measured: a statement by itself, or a transaction from its begin to its commit.
const (
	statement   = "statement"
	transaction = "transaction"
)

// Why a statement or a transaction failed. What a unique key refuses has not failed.
const (
	failedUnavailable = "unavailable" // see [IsUnavailable]
	failedConflict    = "conflict"    // with another transaction; most are tried again
	failedTimeout     = "timeout"     // whoever asked could not wait for longer
	failedOther       = "other"       // a mistake of ours
)

// measures are of all that a database is asked. Whoever asks waits for a connection too,
// and that counts.
type measures struct {
	took   *prometheus.HistogramVec
	errors *prometheus.CounterVec
}

func newMeasures() *measures {
	m := &measures{
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "wrpdistributor_database_call_duration_seconds",
			Help:    "How long statements, and whole transactions, took, with the wait for a connection.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"kind"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wrpdistributor_database_errors_total",
			Help: "Statements and transactions that failed, each attempt, by reason.",
		}, []string{"reason"}),
	}
	for _, kind := range []string{statement, transaction} {
		m.took.WithLabelValues(kind)
	}
	for _, reason := range []string{failedUnavailable, failedConflict, failedTimeout, failedOther} {
		m.errors.WithLabelValues(reason)
	}
	return m
}

// Metrics returns what is measured of db.
func (db *DB) Metrics() []prometheus.Collector {
	return []prometheus.Collector{db.measures.took, db.measures.errors, collectors.NewDBStatsCollector(db.DB.DB, "distributor")}
}

// done notes how long something took that began then, and how it failed, if it did.
func (m *measures) done(kind string, began time.Time, err error) {
	m.took.WithLabelValues(kind).Observe(time.Since(began).Seconds())
	if reason := failure(err); reason != "" {
		m.errors.WithLabelValues(reason).Inc()
	}
}

// failure says why the database did not do what it was asked; empty: it did, or whatever
// went wrong is no fault of it.
func failure(err error) string {
	switch {
	case err == nil, IsDuplicate(err):
		return ""
	case isConflict(err):
		return failedConflict
	case IsUnavailable(err):
		return failedUnavailable
	case errors.Is(err, context.DeadlineExceeded):
		return failedTimeout
	case mysqlNumber(err) != 0, sqliteCode(err) != 0:
		return failedOther
	}
	return ""
}

// ExecContext is that of [sqlx.DB], measured.
func (db *DB) ExecContext(ctx context.Context, query string, args ...any) (res sql.Result, err error) {
	began := time.Now()
	res, err = db.DB.ExecContext(ctx, query, args...)
	db.measures.done(statement, began, err)
	return res, err
}

// GetContext is that of [sqlx.DB], measured.
func (db *DB) GetContext(ctx context.Context, dest any, query string, args ...any) error {
	began := time.Now()
	err := db.DB.GetContext(ctx, dest, query, args...)
	db.measures.done(statement, began, err)
	return err
}

// SelectContext is that of [sqlx.DB], measured.
func (db *DB) SelectContext(ctx context.Context, dest any, query string, args ...any) error {
	began := time.Now()
	err := db.DB.SelectContext(ctx, dest, query, args...)
	db.measures.done(statement, began, err)
	return err
}

// QueryxContext is that of [sqlx.DB], measured until there are rows.
func (db *DB) QueryxContext(ctx context.Context, query string, args ...any) (*sqlx.Rows, error) {
	began := time.Now()
	rows, err := db.DB.QueryxContext(ctx, query, args...)
	db.measures.done(statement, began, err)
	return rows, err
}

// A proof is what the heartbeat knows, for monitoring.
type proof struct {
	*Heartbeat
	last, writable *prometheus.Desc
}

// Metrics returns what is known of writes without asking the database.
func (h *Heartbeat) Metrics() []prometheus.Collector {
	return []prometheus.Collector{&proof{
		Heartbeat: h,
		last: prometheus.NewDesc("wrpdistributor_database_last_write_timestamp_seconds",
			"When the last heartbeat that the database took began; 0: none yet. There is one every 10 s.", nil, nil),
		writable: prometheus.NewDesc("wrpdistributor_database_writable",
			"Whether the database took a write within 20 s (1) or not (0).", nil, nil),
	}}
}

// Describe implements [prometheus.Collector].
func (p *proof) Describe(ch chan<- *prometheus.Desc) { ch <- p.last; ch <- p.writable }

// Collect implements [prometheus.Collector].
func (p *proof) Collect(ch chan<- prometheus.Metric) {
	p.mu.Lock()
	last := p.Heartbeat.last
	p.mu.Unlock()
	at, writable := 0.0, 0.0
	if !last.IsZero() {
		at = float64(last.UnixMilli()) / 1000
	}
	if p.Err() == nil {
		writable = 1
	}
	ch <- prometheus.MustNewConstMetric(p.last, prometheus.GaugeValue, at)
	ch <- prometheus.MustNewConstMetric(p.writable, prometheus.GaugeValue, writable)
}
