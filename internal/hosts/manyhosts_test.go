package hosts_test

import (
	"bytes"
	"context"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
	"time"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
)

// TestFirstCheckIsShared: whoever waits for it, and the pool that runs, make one.
func TestFirstCheckIsShared(t *testing.T) {
	list := servicetest.StartHosts(t, 3, pretend.Config{})
	p, _ := newPool(t, list, func(c *hosts.Config) { c.ConnectTimeout = time.Minute })
	for _, h := range list {
		h.SetDelay(pretend.OpInfo, time.Hour)
	}
	waited := make(chan struct{})
	for range 10 {
		go func() {
			p.AwaitFirstCheck(context.Background())
			waited <- struct{}{}
		}()
	}
	for _, h := range list {
		eventually(t, "the host is asked", func() bool { return h.Requests(pretend.OpInfo) > 0 })
		h.SetDelay(pretend.OpInfo, 0)
		h.DropConnections()
	}
	for range 10 {
		<-waited
	}
	p.AwaitFirstCheck(t.Context())
	for i, h := range list {
		if n := h.Requests(pretend.OpImage); n != 1 {
			t.Errorf("host %d: the image was looked at %d times for 10 who waited, want once", i, n)
		}
	}
}

// perIdleHost is how many goroutines an idle host may take: its connection has 3 of the
// SSH library's and 3 of ours, check and watch one each, the event stream 4, and a
// connection that was kept for the next request 3. There may be two of those.
const perIdleHost = 18

// TestIdleHostsTakeFewGoroutines counts those of the pool, which are told from the
// pretend hosts' by a label.
func TestIdleHostsTakeFewGoroutines(t *testing.T) {
	list := servicetest.StartHosts(t, 20, pretend.Config{})
	p, _ := newPool(t, list, func(c *hosts.Config) {
		c.GatewayStartPort, c.ConnectTimeout = 9090, time.Minute
	})
	done := make(chan error)
	go pprof.Do(t.Context(), pprof.Labels("part", t.Name()), func(ctx context.Context) { done <- p.Run(ctx, noWatcher{}) })
	t.Cleanup(func() { must(t, <-done) })
	for i, h := range list {
		eventually(t, "the host is up and its events are followed", func() bool {
			return p.Status()[i].State == hosts.Up && h.Requests(pretend.OpEvents) > 0
		})
	}
	var n int
	eventually(t, "few goroutines are left", func() bool {
		n = goroutines(t, t.Name())
		return n <= perIdleHost*len(list)
	})
	t.Logf("%.1f goroutines per idle host", float64(n)/float64(len(list)))
	if n < 10*len(list) {
		t.Errorf("%d goroutines of %d hosts: they are not counted", n, len(list))
	}
}

// goroutines returns how many have a label.
func goroutines(t *testing.T, part string) (n int) {
	t.Helper()
	var profile bytes.Buffer
	must(t, pprof.Lookup("goroutine").WriteTo(&profile, 1))
	alike := 0
	for line := range strings.Lines(profile.String()) {
		if count, _, ok := strings.Cut(line, " @ "); ok {
			alike, _ = strconv.Atoi(count)
		}
		if strings.HasPrefix(line, "# labels:") && strings.Contains(line, part) {
			n += alike
		}
	}
	return n
}
