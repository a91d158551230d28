package hostguard

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// answersTo writes bytes to a socket, and returns the status of each answer until the
// connection ends, or n have come.
func answersTo(t *testing.T, socket, raw string, n int) (list []int) {
	t.Helper()
	nc, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if err := nc.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	go io.WriteString(nc, raw) // of what is refused not all is taken
	in := bufio.NewReader(nc)
	for len(list) < n {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			break
		}
		_, _ = io.Copy(io.Discard, resp.Body) // ended by the next answer
		resp.Body.Close()
		list = append(list, resp.StatusCode)
	}
	return list
}

// TestRequestsInARow: each request of a connection is judged by itself, and what stands
// behind one that is refused is not looked at.
func TestRequestsInARow(t *testing.T) {
	ping, exec, version := ask("GET", "/_ping"), post("/v1.41/containers/{ours}/exec", `{}`), ask("GET", "/v1.41/version")
	short := strings.Replace(post("/v1.41/containers/create?name=wrp_short", `{}`+ask("GET", "/v1.41/info")), "Content-Length: ", "Content-Length: 2\r\nX: ", 1)
	for name, tt := range map[string]struct {
		raw   string
		want  []int
		asked int
	}{
		"three that are let through":     {ping + version + ping, []int{200, 200, 200}, 3},
		"one that is refused, in front":  {exec + ping, []int{403}, 0},
		"one that is refused, behind":    {ping + exec + ping, []int{200, 403}, 1},
		"a request in another's body":    {short, []int{403}, 0},
		"a body that is said to be none": {"GET /_ping HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\n" + exec, []int{200, 403}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s, engine := newPretendSite(t)
			got := answersTo(t, s.guard, strings.ReplaceAll(tt.raw, "{ours}", s.ours), 3)
			if fmt.Sprint(got) != fmt.Sprint(tt.want) || len(engine.take()) != tt.asked {
				t.Errorf("answers are %v, want %v, the engine being asked %d times", got, tt.want, tt.asked)
			}
		})
	}
}

// TestSilentEngine: an engine that is not there is said to be stopped; of one that was asked
// and does not answer nothing is said, for nobody knows what it has done.
func TestSilentEngine(t *testing.T) {
	cfg := testConfig(t)
	cfg.Docker = filepath.Join(t.TempDir(), "engine")
	guard := serveGuard(t, cfg)
	if a := exchange(t, guard, ask("GET", "/_ping")); a.status != 503 || !strings.Contains(a.body, "is Docker stopped?") {
		t.Errorf("without an engine: %d %s", a.status, a.body)
	}
	ln, err := net.Listen("unix", cfg.Docker)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = http.ReadRequest(bufio.NewReader(nc)) // it is cut in any case
			nc.Close()
		}
	}()
	if a := exchange(t, guard, post(createTarget, goodCreate)); a.status != 0 {
		t.Errorf("a create that the engine did not answer: %d %s, want no answer", a.status, a.body)
	}
}

// TestHalfAnAnswer: of an answer that breaks off the client learns that it did.
func TestHalfAnAnswer(t *testing.T) {
	cfg := testConfig(t)
	cfg.Docker = filepath.Join(t.TempDir(), "engine")
	ln, err := net.Listen("unix", cfg.Docker)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"Id":"`) // to be cut
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})}
	go srv.Serve(ln) // ends with the test
	defer srv.Close()
	if a := exchange(t, serveGuard(t, cfg), post(createTarget, goodCreate)); a.status != 0 {
		t.Errorf("half an answer to a create is handed on as %d %s", a.status, a.body)
	}
}

// TestAnswerWithoutAnID: a create that is answered without an id is not handed on, and the
// error is a whole sentence.
func TestAnswerWithoutAnID(t *testing.T) {
	for text, want := range map[string]string{`{"Id":"x"}`: "the engine's answer has no id", `{`: "the engine's answer: unexpected end"} {
		w := httptest.NewRecorder()
		id, err := passCreated(w, &http.Response{StatusCode: http.StatusCreated, Body: io.NopCloser(strings.NewReader(text))})
		if id != "" || w.Body.Len() > 0 || err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "nil") {
			t.Errorf("%s is handed on as %q, with id %q and error %v, want %s", text, w.Body, id, err, want)
		}
	}
}

// TestClientThatLeaves: what a client waited for is waited for no longer when it has gone.
func TestClientThatLeaves(t *testing.T) {
	cfg := testConfig(t)
	cfg.Docker = filepath.Join(t.TempDir(), "engine")
	ln, err := net.Listen("unix", cfg.Docker)
	if err != nil {
		t.Fatal(err)
	}
	asked, left := make(chan struct{}), make(chan struct{})
	srv := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
		close(left)
	})}
	go srv.Serve(ln) // ends with the test
	defer srv.Close()
	nc, err := net.Dial("unix", serveGuard(t, cfg))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(nc, ask("GET", "/v1.41/events")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []chan struct{}{asked, left} {
		select {
		case <-c:
			nc.Close()
		case <-time.After(patience):
			t.Fatal("the engine is waited for though the client has gone")
		}
	}
}

// TestOneClientOverPipes: as a forced command the guard serves one client, and ends with it.
func TestOneClientOverPipes(t *testing.T) {
	_, socket := startEngine(t)
	cfg := testConfig(t)
	cfg.Docker = socket
	guard, err := New(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	answers, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() {
		served <- guard.ServeConn(context.Background(), theirs, out)
		out.Close()
	}()
	if _, err := io.WriteString(ours, ask("GET", "/_ping")+ask("GET", "/v1.41/version")); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(answers)
	for range 2 {
		resp, err := http.ReadResponse(in, nil)
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("answered %v, %v", resp, err)
		}
		_, _ = io.Copy(io.Discard, resp.Body) // ended by the next answer
	}
	ours.Close()
	select {
	case err := <-served:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("it goes on without its client")
	}
}
