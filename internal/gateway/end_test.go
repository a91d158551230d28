package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
)

// download begins a big download and leaves it there.
func (b *bench) download(t *testing.T, token string, size int) *http.Response {
	t.Helper()
	_, r := b.raw(t, fmt.Sprintf("GET /img/big?bytes=%d HTTP/1.1\r\nHost: x\r\nBearer: %s\r\n\r\n", size, token))
	resp, err := http.ReadResponse(r, nil)
	must(t, err)
	wants(t, "download", resp.StatusCode, 200)
	return resp
}

// TestContainerDies: its clients are told to ask for another, and the slot is
// free.
func TestContainerDies(t *testing.T) {
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

// TestContainerDiesUnderDownload: a cut answer is reason enough to look.
func TestContainerDiesUnderDownload(t *testing.T) {
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

// TestHostDown: unreachable is not gone.
func TestHostDown(t *testing.T) {
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

// TestContainerHangsUp: a container that runs and hangs up is no dead one.
func TestContainerHangsUp(t *testing.T) {
	b, s := newUpstream(t, options{}, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	a := ask(t, "GET", b.url+"/", "Bearer: "+s.Token)
	if a.StatusCode != 502 || a.Header.Get("Retry-After") != "1" {
		t.Errorf("%d %v, want 502 with Retry-After", a.StatusCode, a.Header)
	}
	if got := state(t, b.Kit, s.ID); got != "running frozen=false" {
		t.Errorf("the session is %q", got)
	}
}

// TestLateAnswer: a container that takes its time is looked at. One that is paused
// is woken, though the row does not say so.
func TestLateAnswer(t *testing.T) {
	b := newBench(t, databasetest.New(t), options{})
	s := allocate(t, b.Kit, amiga)
	wants(t, "a page", b.get(t, "/", s.Token), 200)
	must(t, b.Pool.Pause(t.Context(), hosts.Ref{Host: s.Host, ID: s.ContainerID}))
	start := time.Now()
	wants(t, "a page of a paused container", b.get(t, "/", s.Token), 200)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// TestLateAnswerOfNobody: a request that waits for a container that is gone ends.
func TestLateAnswerOfNobody(t *testing.T) {
	b, s := newUpstream(t, options{Config: gateway.Config{DrainTimeout: time.Minute}}, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	b.Hosts[0].KillContainer(s.ContainerID)
	a := ask(t, "GET", b.url+"/", "Bearer: "+s.Token)
	wants(t, "a page of nobody", a.StatusCode, 502)
	wants(t, "the next", b.get(t, "/", s.Token), 410)
	eventually(t, "the slot free", func() bool { return state(t, b.Kit, s.ID) == "" })
}

// TestReleaseDrains: the end of a session lets its requests finish.
func TestReleaseDrains(t *testing.T) {
	const size = 50 << 20
	b := newBench(t, databasetest.New(t), options{Config: gateway.Config{DrainTimeout: time.Minute}})
	s := allocate(t, b.Kit, amiga)
	under := b.download(t, s.Token, size)
	released := make(chan error, 2)
	go func() { released <- b.Sessions.Stop(t.Context(), amiga) }()
	eventually(t, "410 for new requests", func() bool { return b.get(t, "/favicon.ico", s.Token) == 410 })
	row, err := b.Store.ByID(t.Context(), s.ID)
	must(t, err)
	go func() { // the reaper finishes what is stopping: it has to wait too
		_, err := b.Sessions.Repair(t.Context(), row)
		released <- err
	}()
	pause(50 * time.Millisecond)
	if len(released) > 0 || b.Running() != 1 {
		t.Error("the container was ended under a request")
	}
	n, err := io.Copy(io.Discard, under.Body)
	if err != nil || n != size {
		t.Errorf("the download ended after %d bytes, %v; want all %d", n, err, size)
	}
	for range 2 {
		must(t, <-released)
	}
	if b.Running() != 0 {
		t.Error("the container goes on")
	}
}

// TestReleaseDoesNotWaitForEver: who takes too long is cut.
func TestReleaseDoesNotWaitForEver(t *testing.T) {
	b := newBench(t, databasetest.New(t), options{Config: gateway.Config{DrainTimeout: 300 * time.Millisecond}})
	s := allocate(t, b.Kit, amiga)
	under := b.download(t, s.Token, 1<<30)
	start := time.Now()
	must(t, b.Sessions.Stop(t.Context(), amiga))
	if took := time.Since(start); took < 300*time.Millisecond || took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if _, err := io.Copy(io.Discard, under.Body); err == nil {
		t.Error("a download that was cut looks complete")
	}
	if got := b.Hosts[0].Requests(pretend.OpStop); got == 0 {
		t.Error("the container was not stopped")
	}
}

// TestShutdownDrains: what is under way finishes, new requests are sent away.
func TestShutdownDrains(t *testing.T) {
	const size = 50 << 20
	b := newBench(t, databasetest.New(t), options{})
	s := allocate(t, b.Kit, amiga)
	under := b.download(t, s.Token, size)
	soon, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	b.gw.Drain(soon)
	if !errors.Is(soon.Err(), context.DeadlineExceeded) {
		t.Error("Drain did not wait")
	}
	a := ask(t, "GET", b.url+"/", "Bearer: "+s.Token)
	if a.StatusCode != 503 || !a.Close || a.Header.Get("Retry-After") != "1" {
		t.Errorf("while draining: %d %v, want 503, Connection: close, Retry-After", a.StatusCode, a.Header)
	}
	drained := make(chan struct{})
	go func() { b.gw.Drain(t.Context()); close(drained) }()
	n, err := io.Copy(io.Discard, under.Body)
	if err != nil || n != size {
		t.Errorf("the download ended after %d bytes, %v; want all %d", n, err, size)
	}
	<-drained
}

// TestSilentHost: a host that says nothing holds its clients no longer than its
// connection takes to be given up.
func TestSilentHost(t *testing.T) {
	t.Parallel() // it mostly waits
	b := newBench(t, databasetest.New(t), options{Options: servicetest.Options{Hosts: 2, Max: 1}})
	s := allocate(t, b.Kit, amiga)
	b.Hosts[0].SetUnresponsive(true)
	defer b.Hosts[0].SetUnresponsive(false)
	start := time.Now()
	wants(t, "a page of a silent host", b.get(t, "/", s.Token), 502)
	if took := time.Since(start); took > 25*time.Second {
		t.Errorf("it took %v", took)
	}
	if got := state(t, b.Kit, s.ID); got != "running frozen=false" {
		t.Errorf("the session is %q", got)
	}
}
