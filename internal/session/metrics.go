package session

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/hosts"
)

// Where a client's container came from.
const (
	hit    = "hit"    // one that waited
	joined = "joined" // one that was being warmed up
	miss   = "miss"   // none waited: started for the client
)

// metrics is what a manager counts.
type metrics struct {
	ready        *prometheus.HistogramVec // by where it came from
	steps        *prometheus.HistogramVec
	warm         *prometheus.CounterVec
	resumed      prometheus.Counter
	refused      *prometheus.CounterVec
	ended        *prometheus.CounterVec
	failed       *prometheus.CounterVec
	startsOn     *hostCounter
	failedOn     *hostCounter
	warmUps      prometheus.Counter
	warmUpFailed prometheus.Counter
}

func newMetrics(pool *hosts.Pool) *metrics {
	counter := func(name, help string, label string, values ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "wrpdistributor_" + name, Help: help}, []string{label})
		for _, v := range values {
			c.WithLabelValues(v) // what never happened is 0, so that its first time is an increase
		}
		return c
	}
	one := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "wrpdistributor_" + name, Help: help})
	}
	return &metrics{
		ready: histogram("session_ready_duration_seconds", "Time from a client's request to a session that can be used, of requests that started one.",
			"source", miss, hit, joined),
		steps:        histogram("session_start_step_duration_seconds", "Time that each step of starting a container for a client took.", "step", "claim", "create", "start", "ready"),
		warm:         counter("warm_takes_total", "Sessions that began, by whether a container waited (hit), was being warmed up (joined), or had to be started (miss).", "result", hit, joined, miss),
		resumed:      one("session_resumes_total", "Requests for a session by clients that had one, which they were given again."),
		refused:      counter("session_refusals_total", "Requests for a session that were refused, by reason.", "reason", refusals()...),
		ended:        counter("sessions_ended_total", "Sessions that this process ended, and warm containers that it stopped, by reason.", "reason", endings()...),
		failed:       counter("start_failures_total", "Starts of a container that failed, for clients and to wait for one, by reason. Most are tried elsewhere.", "reason", causes()...),
		startsOn:     newHostCounter(pool, "host_starts_total", "Sessions that began on the host."),
		failedOn:     newHostCounter(pool, "host_start_failures_total", "Starts of a container on the host that failed."),
		warmUps:      one("warm_ups_total", "Containers that this process warmed up."),
		warmUpFailed: one("warm_up_failures_total", "Containers that this process could not warm up."),
	}
}

func histogram(name, help, label string, values ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "wrpdistributor_" + name, Help: help,
		Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2, 3, 5, 10, 20, 40, 60},
	}, []string{label})
	for _, v := range values {
		h.WithLabelValues(v)
	}
	return h
}

// Metrics returns what the manager counts, and the pool's state of the second in which
// somebody asks.
func (m *Manager) Metrics() []prometheus.Collector {
	c := m.metrics
	return []prometheus.Collector{
		c.ready, c.steps, c.warm, c.resumed, c.refused, c.ended, c.failed, c.startsOn, c.failedOn, c.warmUps, c.warmUpFailed,
		newOverviewCollector(m),
	}
}

// EndMetrics returns of these what a process counts that only ends sessions.
func (m *Manager) EndMetrics() []prometheus.Collector { return []prometheus.Collector{m.metrics.ended} }

// started counts a session that began, that long after it was asked for.
func (c *metrics) started(s *Session, source string, after time.Duration) {
	c.warm.WithLabelValues(source).Inc()
	c.startsOn.add(s.Host)
	c.ready.WithLabelValues(source).Observe(after.Seconds())
	if source != miss {
		return
	}
	for step, took := range map[string]time.Duration{"claim": s.Took.Claim, "create": s.Took.Create, "start": s.Took.Start, "ready": s.Took.Ready} {
		c.steps.WithLabelValues(step).Observe(took.Seconds())
	}
}

// startFailed counts a container that could not be started. One that was stopped meanwhile
// did not fail.
func (c *metrics) startFailed(s *Session, err error) {
	if errors.Is(err, ErrStopped) {
		return
	}
	c.failed.WithLabelValues(causeOf(err)).Inc()
	c.failedOn.add(s.Host)
}

// warmedUp counts a container that waits for a client, or was taken over by one before it
// did; or why neither is so.
func (c *metrics) warmedUp(err error) {
	switch {
	case err == nil:
		c.warmUps.Inc()
	case !errors.Is(err, ErrStopped):
		c.warmUpFailed.Inc()
	}
}

// Why clients are refused: as the problems of /v1 are called, where there is one.
const (
	refusedFull        = "full"
	refusedNoHost      = "no-host" // no host takes sessions, for other reasons
	refusedPaused      = "paused"
	refusedTooMany     = "too-many" // its account has as many as it may
	refusedNoTLS       = "no-tls"
	refusedNoGateway   = "no-gateway"
	refusedStopped     = "stopped"
	refusedClosing     = "shutting-down"
	refusedUnavailable = "unavailable" // the database did not answer in time
	refusedOther       = "other"
)

func refusals() []string {
	return []string{refusedFull, refusedNoHost, refusedPaused, refusedTooMany, refusedNoTLS, refusedNoGateway, refusedStopped, refusedClosing, refusedUnavailable, refusedOther}
}

// refusalOf says in one word why a client got no session.
func refusalOf(err error, closing bool) string {
	if full, ok := errors.AsType[*FullError](err); ok {
		if full.IsFull() {
			return refusedFull
		}
		return refusedNoHost
	}
	_, paused := errors.AsType[*PausedError](err)
	_, tooMany := errors.AsType[*TooManyError](err)
	switch {
	case closing:
		return refusedClosing
	case paused:
		return refusedPaused
	case tooMany:
		return refusedTooMany
	case errors.Is(err, ErrNoTLS):
		return refusedNoTLS
	case errors.Is(err, ErrNoGateway):
		return refusedNoGateway
	case errors.Is(err, ErrStopped):
		return refusedStopped
	case database.IsUnavailable(err), errors.Is(err, errBudget), errors.Is(err, context.DeadlineExceeded):
		return refusedUnavailable
	}
	return refusedOther
}

// A cause is why a start failed, in words.
type cause struct {
	err  error
	text string
}

// knownCauses returns causes, the first that fits first.
func knownCauses() []cause {
	return []cause{
		{errUnfitWarm, "warm container does not answer"},
		{hosts.ErrPortTaken, "port taken"},
		{hosts.ErrNameTaken, "name taken"},
		{hosts.ErrImageMissing, "image missing"},
		{hosts.ErrNetwork, "no network"},
		{hosts.ErrCertificate, "certificate"},
		{hosts.ErrForbidden, "forbidden by the key"},
		{hosts.ErrGone, "container ended"},
		{hosts.ErrDown, "host down"},
		{hosts.ErrUnreachable, "host unreachable"},
		{hosts.ErrUncertain, "no answer"},
		{context.DeadlineExceeded, "too slow"},
	}
}

const (
	causeDatabase = "database"
	causeOther    = "other" // the engine's words are in the log
)

func causes() []string {
	list := []string{causeDatabase, causeOther}
	for _, c := range knownCauses() {
		list = append(list, c.text)
	}
	return list
}

// causeOf says why a start failed.
func causeOf(err error) string {
	for _, c := range knownCauses() {
		if errors.Is(err, c.err) {
			return c.text
		}
	}
	if database.IsUnavailable(err) || errors.Is(err, errBudget) {
		return causeDatabase
	}
	return causeOther
}
