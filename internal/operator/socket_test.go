package operator

import (
	"bytes"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"
)

// TestNobodyKeepsADescriptor: half a request, one whose body does not come, one after which
// nothing comes, and an answer that nobody takes, are given up; the times are a hundredth of
// those that count.
func TestNobodyKeepsADescriptor(t *testing.T) {
	t.Parallel()
	large := bytes.Repeat([]byte("x"), 8<<20) // more than a kernel keeps
	srv := newServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		if err == nil && r.URL.Path == "/large" {
			_, err = w.Write(large)
		}
		if err != nil {
			t.Logf("%s: %v", r.URL.Path, err)
		}
	}), stallTimeout/100)
	srv.ReadHeaderTimeout, srv.ReadTimeout, srv.IdleTimeout = srv.ReadHeaderTimeout/100, srv.ReadTimeout/100, srv.IdleTimeout/100
	ended := make(chan struct{}, 9)
	srv.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateClosed {
			ended <- struct{}{}
		}
	}
	srv.ErrorLog = log.New(io.Discard, "", 0)
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	go func() {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	for _, request := range []string{
		"", "GET / HTTP/1.1\r\nHost:", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf",
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /large HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		select {
		case <-ended:
		case <-time.After(time.Minute):
			t.Errorf("%q is waited for still", request)
		}
	}
}
