package accounts

import "github.com/prometheus/client_golang/prometheus"

// What became of a name and a password.
const (
	right      = "right"
	remembered = "remembered" // right, and known to be
	wrong      = "wrong"
	busy       = "busy" // not looked at
)

func newLogins() *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "wrpdistributor_account_logins_total",
		Help: "Names and passwords that were shown, by whether they were right, known to be right, wrong, or too many of one address to be looked at.",
	}, []string{"result"})
	for _, result := range []string{right, remembered, wrong, busy} {
		c.WithLabelValues(result)
	}
	return c
}

// Metrics returns how many came in.
func (a *Accounts) Metrics() []prometheus.Collector { return []prometheus.Collector{a.logins} }
