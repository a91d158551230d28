package gateway_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// TestDeadContainerFreesItsSlot: its clients are told to ask for another.
func TestDeadContainerFreesItsSlot(t *testing.T) {
	t.Parallel()
	b := newBench(t, databasetest.New(t), options{Config: gateway.Config{DrainTimeout: time.Minute}})
	s := allocate(t, b.Kit, amiga)
	wants(t, "a page", b.get(t, "/", s.Token), 200)
	under := b.download(t, s.Token, 1<<30)
	b.Hosts[0].KillContainer(s.ContainerID)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			a, err := try(t, "GET", b.url+"/", "Bearer: "+s.Token)
			if err != nil || a.StatusCode != 502 && a.StatusCode != 410 {
				t.Errorf("a dead container: %d %q, %v; want 502 or 410", a.StatusCode, a.body, err)
			}
		})
	}
	wg.Wait()
	if _, err := io.Copy(io.Discard, under.Body); err == nil {
		t.Error("a download that was cut looks complete")
	}
	wants(t, "later", b.get(t, "/", s.Token), 410)
	eventually(t, "the slot free", func() bool { return state(t, b.Kit, s.ID) == "" })
	if again := allocate(t, b.Kit, amiga); again.Slot != s.Slot {
		t.Errorf("slot %d, want %d again", again.Slot, s.Slot)
	}
}

// TestCutAnswerHasContainerChecked: its client is told nothing more, but the
// session may be dead.
func TestCutAnswerHasContainerChecked(t *testing.T) {
	t.Parallel()
	b := newBench(t, databasetest.New(t), options{Config: gateway.Config{DrainTimeout: time.Minute}})
	s := allocate(t, b.Kit, amiga)
	under := b.download(t, s.Token, 1<<30)
	b.Hosts[0].KillContainer(s.ContainerID)
	if _, err := io.Copy(io.Discard, under.Body); err == nil {
		t.Error("a download that was cut looks complete")
	}
	eventually(t, "the slot free", func() bool { return state(t, b.Kit, s.ID) == "" })
	if b.log.count("status=502") != 1 {
		t.Error("want 502 in the log")
	}
}

// TestUnreachableHostKeepsItsSessions: unreachable is not gone.
func TestUnreachableHostKeepsItsSessions(t *testing.T) {
	t.Parallel()
	b := newBench(t, databasetest.New(t), options{})
	s := allocate(t, b.Kit, amiga)
	wants(t, "a page", b.get(t, "/", s.Token), 200)
	must(t, b.Hosts[0].SetDown(true))
	for range 3 {
		a := ask(t, "GET", b.url+"/", "Bearer: "+s.Token)
		if a.StatusCode != 502 || a.Header.Get("Retry-After") == "" {
			t.Errorf("host down: %d %v %q, want 502 with Retry-After", a.StatusCode, a.Header, a.body)
		}
	}
	if got := state(t, b.Kit, s.ID); got != "running frozen=false" {
		t.Errorf("the session is %q", got)
	}
	must(t, b.Hosts[0].SetDown(false))
	eventually(t, "a page again", func() bool { return b.get(t, "/", s.Token) == 200 })
}

// TestContainerThatHangsUpKeepsItsSession: while it runs it is not dead.
func TestContainerThatHangsUpKeepsItsSession(t *testing.T) {
	t.Parallel()
	b, s := newUpstream(t, options{}, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	a := ask(t, "GET", b.url+"/", "Bearer: "+s.Token)
	if a.StatusCode != 502 || a.Header.Get("Retry-After") != "1" {
		t.Errorf("%d %v, want 502 with Retry-After", a.StatusCode, a.Header)
	}
	if got := state(t, b.Kit, s.ID); got != "running frozen=false" {
		t.Errorf("the session is %q", got)
	}
}

// TestPausedContainerIsUnpaused: by the check of one that is slow to answer, though
// the row does not say that it is frozen.
func TestPausedContainerIsUnpaused(t *testing.T) {
	t.Parallel()
	b := newBench(t, databasetest.New(t), options{})
	s := allocate(t, b.Kit, amiga)
	wants(t, "a page", b.get(t, "/", s.Token), 200)
	must(t, b.Pool.Pause(t.Context(), hosts.Ref{Host: s.Host, ID: s.ContainerID}))
	wants(t, "a page of a paused container", b.get(t, "/", s.Token), 200)
	if b.Hosts[0].Requests(pretend.OpUnpause) == 0 {
		t.Error("the container was not unpaused")
	}
}

// TestRequestToDeadContainerEnds: though the connection to it does not.
func TestRequestToDeadContainerEnds(t *testing.T) {
	t.Parallel()
	b, s := newUpstream(t, options{Config: gateway.Config{DrainTimeout: time.Minute}}, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	b.Hosts[0].KillContainer(s.ContainerID)
	a := ask(t, "GET", b.url+"/", "Bearer: "+s.Token)
	wants(t, "a page of a dead container", a.StatusCode, 502)
	wants(t, "the next", b.get(t, "/", s.Token), 410)
	eventually(t, "the slot free", func() bool { return state(t, b.Kit, s.ID) == "" })
}

// TestManagerSaysGoneBeforeItStops: a check closes the route by that time, so that
// the stop does not wait for its requests.
func TestManagerSaysGoneBeforeItStops(t *testing.T) {
	t.Parallel()
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{Gateway: true, ConnectTimeout: time.Minute})
	var order recorder
	k.Sessions.SetObserver(&order)
	s := allocate(t, k, amiga)
	k.Hosts[0].KillContainer(s.ContainerID)
	err := k.Sessions.RepairUnresponsive(t.Context(), s, func() { order = append(order, "gone") })
	if !errors.Is(err, session.ErrNotFound) || !slices.Equal(order, recorder{"started", "gone", "stopping"}) {
		t.Errorf("RepairUnresponsive = %v, %v; want ErrNotFound after started, gone, stopping", err, order)
	}
}

// A recorder is a [session.Observer] that remembers what it was told.
type recorder []string

// Started implements [session.Observer].
func (r *recorder) Started(*session.Session) { *r = append(*r, "started") }

// Died implements [session.Observer].
func (r *recorder) Died(int64, string) { *r = append(*r, "died") }

// Stopping implements [session.Observer].
func (r *recorder) Stopping(context.Context, int64) { *r = append(*r, "stopping") }

// TestUnresponsiveHostKeepsItsSessions: its clients are told when its connection
// is given up.
func TestUnresponsiveHostKeepsItsSessions(t *testing.T) {
	t.Parallel()
	b := newBench(t, databasetest.New(t), options{Options: servicetest.Options{Hosts: 2, Max: 1}})
	s := allocate(t, b.Kit, amiga)
	b.Hosts[0].SetUnresponsive(true)
	defer b.Hosts[0].SetUnresponsive(false)
	wants(t, "a page of an unresponsive host", b.get(t, "/", s.Token), 502)
	if got := state(t, b.Kit, s.ID); got != "running frozen=false" {
		t.Errorf("the session is %q", got)
	}
}

// TestUnresponsiveHostHoldsNoClient: for longer than a connection to a container
// and a check of it may take.
func TestUnresponsiveHostHoldsNoClient(t *testing.T) {
	simulate(t, gateway.Config{}, echo, func(t *testing.T, s *simulation) {
		s.gw.SetDial(deadDial)
		s.sessions.repair = func(ctx context.Context, _ func()) error {
			<-ctx.Done()
			return hosts.ErrUnreachable
		}
		begin := time.Now()
		a := s.get(t, "/", s.token)
		if a.StatusCode != 502 || a.Header.Get("Retry-After") != "10" {
			t.Errorf("an unresponsive host: %d %v, want 502 with Retry-After", a.StatusCode, a.Header)
		}
		if took := time.Since(begin); took > 25*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// TestContainerSlowToAnswerIsChecked: one that is paused is unpaused by the check,
// though the row does not say that it is.
func TestContainerSlowToAnswerIsChecked(t *testing.T) {
	simulate(t, gateway.Config{}, echo, func(t *testing.T, s *simulation) {
		s.container.pause()
		s.sessions.repair = func(context.Context, func()) error {
			s.container.unpause()
			return nil
		}
		begin := time.Now()
		wants(t, "a page of a paused container", s.get(t, "/", s.token).StatusCode, 200)
		if took := time.Since(begin); took > time.Second {
			t.Errorf("it took %v, want a check after a second", took)
		}
	})
}

// TestStopOfDeadContainerDoesNotDrain: neither a request that waits for the dead
// container's answer nor one whose client takes nothing delays the stop.
func TestStopOfDeadContainerDoesNotDrain(t *testing.T) {
	var headRead chan struct{}
	wrp := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/flood" {
			flood(w, headRead)
		}
		<-r.Context().Done()
	}
	simulate(t, gateway.Config{DrainTimeout: time.Hour}, wrp, func(t *testing.T, s *simulation) {
		headRead = make(chan struct{})
		_, r := s.raw(t, "GET /flood HTTP/1.1\r\nHost: x\r\nBearer: "+s.token+"\r\n\r\n")
		_, err := http.ReadResponse(r, nil)
		must(t, err)
		close(headRead)
		synctest.Wait()
		s.sessions.repair = func(ctx context.Context, gone func()) error {
			gone()
			s.gw.Stopping(ctx, 1)
			return session.ErrNotFound
		}
		begin := time.Now()
		wants(t, "a request to a dead container", s.get(t, "/", s.token).StatusCode, 502)
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("it took %v, as long as the requests of the dead container", took)
		}
		wants(t, "the next request", s.get(t, "/", s.token).StatusCode, 410)
	})
}
