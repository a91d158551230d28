package pretend

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/image"
	"golang.org/x/crypto/ssh"

	"wrpdistributor/internal/bubbletest"
	"wrpdistributor/internal/porttest"
)

// short is for things that are expected not to happen.
const short = 30 * time.Millisecond

// TestDown takes a host off the network and brings it back.
func TestDown(t *testing.T) {
	h, c := ready(t)
	port := porttest.Free(t)
	id := launch(t, c, "", publish(port))
	messages, errs := c.Events(t.Context(), events.ListOptions{})
	if err := h.SetDown(true); err != nil {
		t.Fatal(err)
	}
	if err := <-errs; err == nil {
		t.Error("the event stream survived")
	}
	if len(messages) != 0 {
		t.Error("events from a host that is down")
	}
	for _, addr := range []string{h.SSHAddr(), at(h, port)} {
		if nc, err := net.Dial("tcp", addr); err == nil {
			nc.Close()
			t.Errorf("%s takes connections", addr)
		} else if !strings.Contains(err.Error(), "refused") {
			t.Errorf("%s: %v", addr, err)
		}
	}
	if got := h.Containers(); len(got) != 1 || !got[0].Running {
		t.Errorf("containers of a host that is down: %+v", got)
	}
	if err := h.SetDown(false); err != nil {
		t.Fatal(err)
	}
	if got := inspect(t, dockerOn(t, h), id); got != "running 0" {
		t.Errorf("when back: %s", got)
	}
	if got := get(t, h, port, "/", ""); got != 200 {
		t.Errorf("when back: %d", got)
	}
	eventually(t, "one connection", func() bool { return h.OpenConnections() == 1 })
}

// TestUnresponsive: a host stops to answer while there is a connection, and goes on.
func TestUnresponsive(t *testing.T) {
	h, c := ready(t)
	port := porttest.Free(t)
	id := launch(t, c, "", publish(port))
	h.SetUnresponsive(true)
	ctx, cancel := context.WithTimeout(t.Context(), short)
	defer cancel()
	if _, err := c.ContainerInspect(ctx, id); ctx.Err() == nil {
		t.Errorf("an unresponsive host answered: %v", err)
	}
	if n := h.Requests(OpInspect); n != 0 {
		t.Errorf("an unresponsive host heard %d requests", n)
	}
	// A new connection gets as far as TCP.
	nc, err := net.Dial("tcp", h.SSHAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.SetReadDeadline(time.Now().Add(short))
	if n, err := nc.Read(make([]byte, 1)); n != 0 {
		t.Errorf("an unresponsive host said something, %v", err)
	}
	answer := make(chan int, 1)
	go func() { answer <- get(t, h, port, "/", "") }()
	h.SetUnresponsive(false)
	if got := inspect(t, c, id); got != "running 0" {
		t.Errorf("on the old connection: %s", got)
	}
	if got := <-answer; got != 200 {
		t.Errorf("of the container: %d", got)
	}
}

// TestCloseWhileUnresponsive checks that a host ends in whatever state it is.
func TestCloseWhileUnresponsive(t *testing.T) {
	h, c := ready(t)
	port := porttest.Free(t)
	id := launch(t, c, "", publish(port))
	if err := c.ContainerPause(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	nc, err := net.Dial("tcp", at(h, port))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	fmt.Fprint(nc, "GET / HTTP/1.0\r\n\r\n")
	h.SetDelay(OpInfo, time.Hour)
	waiting := make(chan error, 1)
	go func() { _, err := c.Info(context.Background()); waiting <- err }()
	eventually(t, "the request came", func() bool { return h.Requests(OpInfo) == 1 })
	h.SetUnresponsive(true)
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if err := <-waiting; err == nil {
		t.Error("a request to a closed host succeeded")
	}
	if err := h.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
	if h.tasks.spawn(func() {}) {
		t.Error("a closed host starts goroutines")
	}
	if _, err := h.ForeignContainer("late", nil, port); err == nil {
		t.Error("a container started on a closed host")
	}
}

func TestDropConnections(t *testing.T) {
	h := startHost(t, Config{})
	c := login(t, h)
	h.DropConnections()
	if err := c.Wait(); err == nil {
		t.Error("the connection ended in order")
	}
	login(t, h)
	eventually(t, "one connection", func() bool { return h.OpenConnections() == 1 })
}

// TestDelayedRequestIsCarriedOut: also if its caller has gone.
func TestDelayedRequestIsCarriedOut(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		config, err := complete(Config{HasImage: true})
		if err != nil {
			t.Fatal(err)
		}
		tasks, faults := newTasks(), newFaults()
		engine := newEngine(config, newNetwork(config.Addr), tasks)
		h := &Host{engine: engine}
		faults.delays[OpCreate] = time.Minute
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r := httptest.NewRequestWithContext(ctx, "POST", "/containers/create?name=xx", strings.NewReader(`{"Image":"`+DefaultImage+`"}`))
		w := httptest.NewRecorder()
		newAPI(engine, faults, tasks).ServeHTTP(w, r)
		if ctx.Err() == nil || w.Body.Len() != 0 || len(h.Containers()) != 0 {
			t.Errorf("during the delay: answer %q, %d containers", w.Body, len(h.Containers()))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := len(h.Containers()); n != 1 {
			t.Errorf("after the delay: %d containers, want 1", n)
		}
		tasks.close()
		tasks.wait()
	})
}

func TestFailNext(t *testing.T) {
	h, c := ready(t)
	h.FailNext(OpCreate, http.StatusInternalServerError, "no space left on device", 2)
	for i, want := range []string{"no space left on device", "no space left on device", ""} {
		_, err := create(t, c, "", nil)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("create %d = %v, want %q", i+1, err, want)
		}
	}
	if n := len(h.Containers()); n != 1 {
		t.Errorf("%d containers, want 1: what fails must do nothing", n)
	}
	h.FailNext(OpAll, http.StatusServiceUnavailable, "later", 1)
	if _, err := c.Info(t.Context()); err == nil || !strings.Contains(err.Error(), "later") {
		t.Errorf("info = %v", err)
	}
	for _, op := range []string{OpPull, OpEvents} {
		h.FailNext(op, http.StatusForbidden, "not for you", 1)
	}
	if _, err := c.ImagePull(t.Context(), DefaultImage, image.PullOptions{}); err == nil {
		t.Error("pull succeeded")
	}
	if _, errs := c.Events(t.Context(), events.ListOptions{}); <-errs == nil {
		t.Error("events succeeded")
	}
	if got := h.Requests(OpCreate); got != 3 {
		t.Errorf("%d creates counted, want 3", got)
	}
}

// TestLoseAnswer checks that what was asked happens, that the caller does not
// learn of it, and that the SSH connection stays.
func TestLoseAnswer(t *testing.T) {
	h, c := ready(t)
	if _, err := c.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.LoseAnswer(OpCreate, 1)
	if _, err := create(t, c, "lost", nil); err == nil {
		t.Error("create had an answer")
	}
	if got := inspect(t, c, "lost"); got != "created 0" {
		t.Errorf("after the lost answer: %s", got)
	}
	if _, err := create(t, c, "lost", nil); err == nil || !strings.Contains(err.Error(), "Conflict") {
		t.Errorf("create again = %v", err)
	}
	h.LoseAnswer(OpEvents, 2) // net/http asks a second time by itself
	if _, errs := c.Events(t.Context(), events.ListOptions{}); <-errs == nil {
		t.Error("events had an answer")
	}
	if accepted, _ := h.Logins(); accepted != 1 {
		t.Errorf("%d logins, want 1", accepted)
	}
}

// TestReadyAfter: before that a port accepts connections and closes them.
func TestReadyAfter(t *testing.T) {
	h, c := ready(t)
	h.SetReadyAfter(time.Hour)
	port := porttest.Free(t)
	launch(t, c, "", publish(port))
	nc, err := net.Dial("tcp", at(h, port))
	if err != nil {
		t.Fatalf("the published port refuses: %v", err)
	}
	nc.Close()
	if got := get(t, h, port, "/", ""); got != 0 {
		t.Errorf("before it is ready: %d", got)
	}
	h.SetReadyAfter(short)
	port = porttest.Free(t)
	launch(t, c, "", publish(port))
	eventually(t, "ready", func() bool { return get(t, h, port, "/", "") == 200 })
}

// TestUnresponsiveHandshake: a login that waits succeeds when the host answers again.
func TestUnresponsiveHandshake(t *testing.T) {
	h := startHost(t, Config{})
	h.SetUnresponsive(true)
	done := make(chan error, 1)
	go func() {
		c, err := ssh.Dial("tcp", h.SSHAddr(), clientConfig(h))
		if err == nil {
			c.Close()
		}
		done <- err
	}()
	select {
	case err := <-done:
		t.Errorf("logged in to an unresponsive host: %v", err)
	case <-time.After(short):
	}
	h.SetUnresponsive(false)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
