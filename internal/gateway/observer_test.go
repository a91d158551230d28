package gateway_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/pretend"
)

// TestStopWaitsForRequestsUnderWay: whoever stops a session, and whoever finishes a
// stop that was begun.
func TestStopWaitsForRequestsUnderWay(t *testing.T) {
	end := make(chan struct{})
	simulate(t, gateway.Config{DrainTimeout: time.Hour}, func(http.ResponseWriter, *http.Request) { <-end }, func(t *testing.T, s *simulation) {
		end = make(chan struct{})
		under := s.begin(t, "/")
		stopped := make(chan struct{}, 2)
		for range 2 {
			go func() { s.gw.Stopping(t.Context(), 1); stopped <- struct{}{} }()
			synctest.Wait()
			wants(t, "a new request", s.get(t, "/", s.token).StatusCode, 410)
		}
		time.Sleep(time.Minute)
		if len(stopped) > 0 {
			t.Error("Stopping returned under a request")
		}
		close(end)
		wants(t, "the request", (<-under).StatusCode, 200)
		synctest.Wait()
		if len(stopped) != 2 {
			t.Error("Stopping goes on after the last request")
		}
	})
}

// TestStopCutsRequestsAfterDrainTimeout: whoever takes too long is told that the
// session ended.
func TestStopCutsRequestsAfterDrainTimeout(t *testing.T) {
	const drain = 3 * time.Second
	simulate(t, gateway.Config{DrainTimeout: drain}, hang, func(t *testing.T, s *simulation) {
		under := s.begin(t, "/")
		begin := time.Now()
		s.gw.Stopping(t.Context(), 1)
		if took := time.Since(begin); took != drain {
			t.Errorf("Stopping took %v, want %v", took, drain)
		}
		wants(t, "the request", (<-under).StatusCode, 502)
		begin = time.Now()
		s.gw.Stopping(t.Context(), 1)
		if took := time.Since(begin); took != 0 {
			t.Errorf("Stopping took %v more the second time", took)
		}
	})
}

// TestCutAnswerDoesNotLookComplete: not even one of unknown length.
func TestCutAnswerDoesNotLookComplete(t *testing.T) {
	half := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "half an ans")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
	simulate(t, gateway.Config{}, half, func(t *testing.T, s *simulation) {
		_, r := s.raw(t, "GET / HTTP/1.1\r\nHost: x\r\nBearer: "+s.token+"\r\n\r\n")
		resp, err := http.ReadResponse(r, nil)
		must(t, err)
		go s.gw.Stopping(t.Context(), 1)
		text, err := io.ReadAll(resp.Body)
		if string(text) != "half an ans" || err == nil {
			t.Errorf("got %q, %v; want an error after what came", text, err)
		}
	})
}

// TestContainerIsRemovedAfterItsRequests: by the one who stops its session, and by
// the reaper, which finishes what is stopping.
func TestContainerIsRemovedAfterItsRequests(t *testing.T) {
	t.Parallel()
	b := newBench(t, databasetest.New(t), options{Config: gateway.Config{DrainTimeout: time.Minute}})
	s := allocate(t, b.Kit, amiga)
	under := b.download(t, s.Token, moreThanBuffers)
	stopped := make(chan error, 2)
	go func() { stopped <- b.Sessions.Stop(t.Context(), amiga) }()
	eventually(t, "410 for new requests", func() bool { return b.get(t, "/favicon.ico", s.Token) == 410 })
	row, err := b.Store.ByID(t.Context(), s.ID)
	must(t, err)
	go func() {
		_, err := b.Sessions.Repair(t.Context(), row)
		stopped <- err
	}()
	half, err := io.CopyN(io.Discard, under.Body, moreThanBuffers/2)
	if err != nil || b.Running() != 1 {
		t.Errorf("the container was removed under a request, %v", err)
	}
	rest, err := io.Copy(io.Discard, under.Body)
	if n := half + rest; err != nil || n != moreThanBuffers {
		t.Errorf("the download ended after %d bytes, %v; want all %d", n, err, moreThanBuffers)
	}
	for range 2 {
		must(t, <-stopped)
	}
	if b.Running() != 0 {
		t.Error("the container goes on")
	}
}

// TestStopCutsDownload: who takes too long does not get what looks complete.
func TestStopCutsDownload(t *testing.T) {
	t.Parallel()
	b := newBench(t, databasetest.New(t), options{Config: gateway.Config{DrainTimeout: 50 * time.Millisecond}})
	s := allocate(t, b.Kit, amiga)
	under := b.download(t, s.Token, 1<<30)
	must(t, b.Sessions.Stop(t.Context(), amiga))
	if _, err := io.Copy(io.Discard, under.Body); err == nil {
		t.Error("a download that was cut looks complete")
	}
	if got := b.Hosts[0].Requests(pretend.OpStop); got == 0 {
		t.Error("the container was not stopped")
	}
}

// TestDrainFinishesRequestsAndRefusesNew: when the process is about to end.
func TestDrainFinishesRequestsAndRefusesNew(t *testing.T) {
	t.Parallel()
	b := newBench(t, databasetest.New(t), options{})
	s := allocate(t, b.Kit, amiga)
	under := b.download(t, s.Token, moreThanBuffers)
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
	if err != nil || n != moreThanBuffers {
		t.Errorf("the download ended after %d bytes, %v; want all %d", n, err, moreThanBuffers)
	}
	<-drained
}
