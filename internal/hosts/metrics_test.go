package hosts_test

import (
	"testing"
	"time"

	"wrpdistributor/internal/metricstest"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
)

// TestMetricsOfHosts: which are up, since when, and how often they were connected to.
func TestMetricsOfHosts(t *testing.T) {
	list := servicetest.StartHosts(t, 2, pretend.Config{})
	p, _ := newPool(t, list, nil)
	metricstest.Read(t, p.Metrics()).Want(t, "at first", metricstest.Series{
		`host_up{host="host0"}`: 0, `host_state{host="host0",state="unknown"}`: 1, `host_slots{host="host0"}`: 2, `ssh_reconnects_total{host="host0"}`: 0,
	})
	p.CheckHealth(t.Context())
	before := metricstest.Read(t, p.Metrics())
	before.Want(t, "when up", metricstest.Series{
		`host_up{host="host0"}`: 1, `host_state{host="host0",state="up"}`: 1, `host_state{host="host0",state="unknown"}`: 0,
		`ssh_reconnects_total{host="host0"}`: 0, `ssh_connect_failures_total{host="host0"}`: 0,
	})
	const since = `wrpdistributor_host_since_timestamp_seconds{host="host0"}`
	if age := float64(time.Now().Unix()) - before[since]; age < -1 || age > 600 {
		t.Errorf("it is up since %v", before[since])
	}

	if err := list[0].SetDown(true); err != nil {
		t.Fatal(err)
	}
	p.CheckHealth(t.Context())
	down := metricstest.Read(t, p.Metrics())
	down.Want(t, "when down", metricstest.Series{
		`host_up{host="host0"}`: 0, `host_state{host="host0",state="unreachable"}`: 1, `host_up{host="host1"}`: 1,
	})
	if down[since] <= before[since] {
		t.Errorf("it is down since %v, and was up since %v", down[since], before[since])
	}
	eventually(t, "a connection failed", func() bool {
		p.CheckHealth(t.Context())
		return metricstest.Read(t, p.Metrics())[`wrpdistributor_ssh_connect_failures_total{host="host0"}`] > 0
	})

	if err := list[0].SetDown(false); err != nil {
		t.Fatal(err)
	}
	p.CheckHealth(t.Context())
	metricstest.Read(t, p.Metrics()).Want(t, "when up again", metricstest.Series{
		`host_up{host="host0"}`: 1, `ssh_reconnects_total{host="host0"}`: 1, `ssh_reconnects_total{host="host1"}`: 0,
	})
}
