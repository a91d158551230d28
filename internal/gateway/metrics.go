package gateway

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics is what a gateway counts of its requests. It has no word of theirs.
type metrics struct {
	requests *prometheus.CounterVec
	failures *prometheus.CounterVec
	answers  prometheus.Histogram
	sent     prometheus.Counter
	received prometheus.Counter
	underWay prometheus.Gauge
}

// codes are all that a status is counted as.
func codes() []string { return []string{"2xx", "3xx", "4xx", "499", "5xx", "other"} }

// codeOf returns what a status is counted as. That the client left is nobody's fault, and
// is counted apart.
func codeOf(status int) string {
	switch {
	case status == statusClientLeft:
		return "499"
	case status < http.StatusOK || status > 599:
		return "other" // a container may answer anything
	}
	return fmt.Sprintf("%dxx", status/100)
}

func newMetrics() *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wrpdistributor_gateway_requests_total",
			Help: "Requests, by the status of the answer; 499: the client left before it was told any.",
		}, []string{"code"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wrpdistributor_gateway_failures_total",
			Help: "Requests that the gateway refused, or whose answer was cut, by reason.",
		}, []string{"reason"}),
		answers: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "wrpdistributor_gateway_answer_duration_seconds",
			Help:    "Time until a container's answer began. WRP draws the page meanwhile.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}),
		sent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "wrpdistributor_gateway_sent_bytes_total", Help: "Bytes of answers to clients, without headers. Counted when an answer ends.",
		}),
		received: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "wrpdistributor_gateway_received_bytes_total", Help: "Bytes of clients' requests that were passed on, without headers. Counted when the answer ends.",
		}),
		underWay: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "wrpdistributor_gateway_requests_under_way", Help: "Requests that are served, or wait in line.",
		}),
	}
	for _, code := range codes() {
		m.requests.WithLabelValues(code)
	}
	for _, a := range answers() {
		m.failures.WithLabelValues(a.err.Error())
	}
	return m
}

// Metrics returns what the gateway counts.
func (g *Gateway) Metrics() []prometheus.Collector {
	m := g.metrics
	return []prometheus.Collector{
		m.requests, m.failures, m.answers, m.sent, m.received, m.underWay,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "wrpdistributor_gateway_connections", Help: "Connections to containers, those that no request uses included.",
		}, func() float64 { return float64(g.conns.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "wrpdistributor_gateway_sessions", Help: "Sessions that the gateway knows, in memory.",
		}, func() float64 { return float64(len(g.routes.all())) }),
	}
}

// count counts an exchange that is over.
func (m *metrics) count(x *exchange) {
	status, err := x.outcome()
	m.requests.WithLabelValues(codeOf(status)).Inc()
	m.sent.Add(float64(x.bytes))
	if x.body != nil {
		m.received.Add(float64(x.body.bytes.Load()))
	}
	switch {
	case x.err != nil && !errors.Is(x.err, errClientLeft) && x.writeErr == nil:
		m.failures.WithLabelValues(answerTo(err).err.Error()).Inc()
	case x.route != nil && !x.answered.IsZero():
		m.answers.Observe(x.answered.Sub(x.started).Seconds())
	}
}

// measured counts exchanges, however they end.
func (g *Gateway) measured(next handler) handler {
	return func(x *exchange) error {
		g.metrics.underWay.Inc()
		defer func() {
			g.metrics.underWay.Dec()
			g.metrics.count(x)
		}()
		return next(x)
	}
}
