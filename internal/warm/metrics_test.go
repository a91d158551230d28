package warm_test

import (
	"testing"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/metricstest"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
)

// TestMetricsOfWarmContainers: how many are to wait, whether this process sees to it, and
// how often it could not.
func TestMetricsOfWarmContainers(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{Warm: 1})
	k.Hosts[0].FailNext(pretend.OpStart, 500, "something is wrong", 1)
	k.Pool.CheckHealth(t.Context())
	w := newWarmer(t, k.Service)
	read := func() metricstest.Series { return metricstest.Read(t, w.Metrics()) }
	read().Want(t, "at first", metricstest.Series{`warm_containers_wanted{host="host0"}`: 1, `warm_lease_held`: 0, `warm_passes_failed_total`: 0})
	stop := run(t, w)
	eventually(t, "a pass failed", func() bool { return read()[`wrpdistributor_warm_passes_failed_total`] == 1 })
	read().Want(t, "then", metricstest.Series{`warm_lease_held`: 1})
	stop()
}
