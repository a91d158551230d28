package gateway_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"

	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// TestCloseLeavesNothing: a gateway that was closed leaves no goroutine and no
// channel, whatever became of its requests. (Not parallel: it sees all goroutines.)
func TestCloseLeavesNothing(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{Gateway: true})
	k.Pool.CheckHealth(t.Context())
	before, channels := goleak.IgnoreCurrent(), k.Hosts[0].OpenChannels()

	log := slog.New(slog.DiscardHandler)
	g := gateway.New(gateway.Config{Sessions: k.Sessions, Store: k.Store, Pool: k.Pool, Guard: auth.New(nil, log), Log: log, Interval: 100 * time.Millisecond, FreezeAfter: time.Minute})
	k.Sessions.SetObserver(g)
	srv := httptest.NewServer(g)
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error)
	go func() { ran <- g.Run(ctx) }()
	stopped := session.Client{IP: "192.0.2.2", UserAgent: "x"}
	list := []*session.Session{allocate(t, k, amiga), allocate(t, k, stopped)}
	client := &http.Client{Transport: &http.Transport{}}
	for i := range 20 {
		asking, leave := context.WithCancel(t.Context())
		size := "10000000" // too much for who leaves
		if i%3 == 0 {
			size = "100000"
		}
		req, err := http.NewRequestWithContext(asking, "GET", srv.URL+"/img/big?bytes="+size, http.NoBody)
		must(t, err)
		req.Header.Set("Bearer", list[i%2].Token)
		if resp, err := client.Do(req); err == nil {
			if i%3 > 0 {
				_, _ = io.CopyN(io.Discard, resp.Body, 1000)
				leave()
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		leave()
		if i == 10 {
			must(t, k.Sessions.Stop(t.Context(), stopped))
		}
	}
	k.Hosts[0].KillContainer(list[0].ContainerID)
	a, err := try(t, "GET", srv.URL, "Bearer: "+list[0].Token)
	if err != nil || a.StatusCode < 400 {
		t.Errorf("a dead container: %d, %v", a.StatusCode, err)
	}
	stop()
	must(t, <-ran)
	g.Drain(t.Context())
	client.CloseIdleConnections()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	srv.Close()
	g.Close()
	eventually(t, "all channels closed", func() bool { return k.Hosts[0].OpenChannels() <= channels })
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}
