package session_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// TestExtend: a start that goes on is not overdue, and a session that was stopped is
// not made to look as if it started.
func TestExtend(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{})
		s := mustAllocate(t, k, amiga, true)
		exec(t, k, `UPDATE sessions SET state = 'starting', started = '2020-01-01 00:00:00'`)
		if s := reload(t, k, s.ID); !s.Overdue {
			t.Fatal("not overdue after years")
		}
		if ok, err := k.Store.Extend(t.Context(), s.ID, time.Second); !ok || err != nil {
			t.Errorf("Extend of a start = %t, %v; want true", ok, err)
		}
		if s := reload(t, k, s.ID); s.Overdue {
			t.Error("overdue after Extend")
		}
		exec(t, k, `UPDATE sessions SET state = 'stopping', started = '2020-01-01 00:00:00'`)
		if ok, err := k.Store.Extend(t.Context(), s.ID, time.Second); ok || err != nil {
			t.Errorf("Extend of a stopping session = %t, %v; want false", ok, err)
		}
		if s := reload(t, k, s.ID); !s.Overdue {
			t.Error("Extend changed a session that was stopped")
		}
	})
}

// A busyLink is a service whose host is at the end of a line that one session fills
// with pictures.
type busyLink struct {
	*servicetest.Kit
	line    *hoststest.Throttle
	watcher *session.Session
	drawing sync.WaitGroup
	stop    context.CancelFunc
}

// newBusyLink gives a start ten seconds.
func newBusyLink(t *testing.T, db *database.DB) *busyLink {
	opt := servicetest.Options{Max: 4, StartTimeout: 20 * time.Second, ConnectTimeout: time.Minute}
	list := servicetest.StartHosts(t, 1, opt.Pretend)
	b := &busyLink{
		Kit:  &servicetest.Kit{Hosts: list, Config: servicetest.Configure(t, list, opt)},
		line: hoststest.StartThrottle(t, list[0].SSHAddr(), 64<<10),
	}
	b.Config.Hosts[0].SSH.Addr = b.line.Addr
	b.Config.KnownHosts = hosts.KnownHosts{AcceptNew: filepath.Join(t.TempDir(), "known_hosts")}
	b.Service = servicetest.Open(t, db, b.Config)
	b.watcher = mustAllocate(t, b.Kit, amiga, true)
	return b
}

// draw has four pictures without end come over the line, until b.stop is called.
func (b *busyLink) draw(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b.stop = cancel
	t.Cleanup(func() { cancel(); b.drawing.Wait() })
	var begun sync.WaitGroup
	for range 4 {
		begun.Add(1)
		first := sync.OnceFunc(begun.Done)
		b.drawing.Go(func() {
			defer first()
			if err := b.drawOne(ctx, first); ctx.Err() == nil {
				t.Errorf("draw: %v", err)
			}
		})
	}
	begun.Wait()
}

func (b *busyLink) drawOne(ctx context.Context, begun func()) error {
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return b.Pool.Dial(ctx, b.watcher.Host, b.watcher.Port)
		},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://wrp.invalid/img/big?bytes=50000000", http.NoBody)
	if err != nil {
		return err
	}
	req.Header.Set("Bearer", b.watcher.Token)
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("WRP answers %s", resp.Status)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, 1)); err != nil {
		return err
	}
	begun()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// underWay returns the row of another client's start.
func (b *busyLink) underWay(t *testing.T) (found session.Session) {
	eventually(t, "a start is under way", func() bool {
		all, err := b.Store.All(t.Context())
		must(t, err)
		for _, s := range all {
			if s.State == session.Claimed || s.State == session.Starting {
				found = s
				return true
			}
		}
		return false
	})
	return found
}

// TestE2EStartOnBusyLink: a start that stands behind another session's pictures takes
// longer than others may, and is not given up by anybody. Who stops it need not wait for
// the pictures.
func TestE2EStartOnBusyLink(t *testing.T) {
	proctest.E2E(t)
	b := newBusyLink(t, databasetest.New(t))
	b.draw(t)
	allocated := allocating(t, b.Sessions, atari)
	b.underWay(t)
	if err := b.Sessions.Stop(t.Context(), atari); err != nil && !errors.Is(err, session.ErrNotFound) { // who is called off after its claim takes that back itself
		t.Fatal(err)
	}
	if err := <-allocated; !errors.Is(err, session.ErrStopped) {
		t.Errorf("Allocate = %v, want ErrStopped", err)
	}
	allocated = allocating(t, b.Sessions, st)
	claimed := b.underWay(t)
	eventually(t, "the start is extended beyond its time", func() bool {
		s, err := b.Store.ByID(t.Context(), claimed.ID)
		must(t, err)
		if s.State == session.Running {
			t.Fatal("the start stood behind nothing; want it to")
		}
		return s.Started.Sub(claimed.Started) > 12*time.Second && !s.Overdue
	})
	b.stop()
	if err := <-allocated; err != nil {
		t.Errorf("Allocate = %v, want a session", err)
	}
	if st := b.Pool.Status()[0]; st.State != hosts.Up {
		t.Errorf("status = %+v, want up", st)
	}
}
