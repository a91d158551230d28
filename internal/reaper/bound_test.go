package reaper

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"wrpdistributor/internal/bubbletest"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/session"
)

// A slowStop is sessions whose containers take a second to stop.
type slowStop struct {
	Sessions
	now, most, all atomic.Int64
}

// StopSession counts those that are being stopped at once.
func (s *slowStop) StopSession(context.Context, *session.Session) (bool, error) {
	n := s.now.Add(1)
	for most := s.most.Load(); n > most && !s.most.CompareAndSwap(most, n); most = s.most.Load() {
	}
	time.Sleep(time.Second)
	s.now.Add(-1)
	s.all.Add(1)
	return true, nil
}

// TestFewSessionsAtOnce: of one host and of all, and no fewer than that.
func TestFewSessionsAtOnce(t *testing.T) {
	for _, tt := range []struct{ hosts, each, want int }{{1, 50, perHost}, {10, 50, 10 * perHost}, {500, 4, atOnce}} {
		bubbletest.Run(t, func(t *testing.T) {
			cfg := hosts.Config{Log: slog.New(slog.DiscardHandler)}
			listings := make(map[string]listing)
			var rows []row
			for i := range tt.hosts {
				name := fmt.Sprint("host", i)
				cfg.Hosts = append(cfg.Hosts, hosts.Host{Name: name})
				listings[name] = listing{}
				for range tt.each {
					rows = append(rows, row{&session.Session{Host: name, State: session.Running, ClientIP: "192.0.2.1"}, false, false})
				}
			}
			pool, err := hosts.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer pool.Close()
			sessions := &slowStop{}
			p := newPass(&Reaper{Sessions: sessions, Pool: pool}, Options{All: true})
			p.listings = listings
			p.sessions(t.Context(), rows)
			if most, all := int(sessions.most.Load()), int(sessions.all.Load()); most != tt.want || all != len(rows) {
				t.Errorf("%d hosts: %d at once, %d in all, want %d, %d", tt.hosts, most, all, tt.want, len(rows))
			}
		})
	}
}

// A stuckHost is sessions of which those on one host take until nobody waits any more.
type stuckHost struct {
	Sessions
	tried, stopped atomic.Int64
}

// StopIdle stops what is not on the host.
func (s *stuckHost) StopIdle(ctx context.Context, one *session.Session, _ time.Duration) (bool, error) {
	if one.Host == "host0" {
		s.tried.Add(1)
		<-ctx.Done()
		return false, ctx.Err()
	}
	s.stopped.Add(1)
	return true, nil
}

// TestHostThatIsStuckKeepsNoOthers waiting for their next pass: it is waited for once.
func TestHostThatIsStuckKeepsNoOthers(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		cfg := hosts.Config{Log: slog.New(slog.DiscardHandler), Hosts: []hosts.Host{{Name: "host0"}, {Name: "host1"}}}
		pool, err := hosts.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		sessions := &stuckHost{}
		p := newPass(&Reaper{Sessions: sessions, Pool: pool}, Options{Idle: time.Minute})
		var rows []row
		for _, h := range cfg.Hosts {
			p.listings[h.Name] = listing{containers: map[string]*hosts.Container{"c": {ID: "c", Running: true}}}
			for range 50 {
				rows = append(rows, row{&session.Session{Host: h.Name, State: session.Running, ClientIP: "192.0.2.1", ContainerID: "c"}, true, false})
			}
		}
		began := time.Now()
		p.sessions(t.Context(), rows)
		if took := time.Since(began); took > hostTime {
			t.Errorf("the pass took %v, want at most %v", took, hostTime)
		}
		if tried, stopped := sessions.tried.Load(), sessions.stopped.Load(); tried != perHost || stopped != 50 || p.report.Failed != 50 {
			t.Errorf("%d tried there, %d stopped elsewhere, %d failed; want %d, 50 and 50", tried, stopped, p.report.Failed, perHost)
		}
	})
}

// A drippingHost is sessions that are stopped just before nobody waits any more.
type drippingHost struct{ Sessions }

// StopIdle takes long, and works.
func (drippingHost) StopIdle(context.Context, *session.Session, time.Duration) (bool, error) {
	time.Sleep(hostTime - time.Second)
	return true, nil
}

// TestHostThatDripsKeepsNoOthers waiting for their next pass: what it has not done in the
// time of one is left to the next.
func TestHostThatDripsKeepsNoOthers(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		pool, err := hosts.New(hosts.Config{Log: slog.New(slog.DiscardHandler), Hosts: []hosts.Host{{Name: "host0"}}})
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		p := newPass(&Reaper{Sessions: drippingHost{}, Pool: pool}, Options{Idle: time.Minute})
		p.listings["host0"] = listing{containers: map[string]*hosts.Container{"c": {ID: "c", Running: true}}}
		rows := make([]row, 500)
		for i := range rows {
			rows[i] = row{&session.Session{Host: "host0", State: session.Running, ClientIP: "192.0.2.1", ContainerID: "c"}, true, false}
		}
		began := time.Now()
		p.sessions(t.Context(), rows)
		if took := time.Since(began); took > wholeTime+hostTime {
			t.Errorf("the pass took %v, want little more than %v", took, wholeTime)
		}
		if p.report.Stopped == 0 || p.report.Failed == 0 || p.report.Stopped+p.report.Failed != len(rows) {
			t.Errorf("%d stopped, %d failed, want some of each, and %d in all", p.report.Stopped, p.report.Failed, len(rows))
		}
	})
}
