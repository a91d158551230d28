package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wrpdistributor/internal/gateway"
)

const stall = time.Minute

// TestSlowExchangeIsNotCut: a client may take long, as long as it takes something,
// and an upload too.
func TestSlowExchangeIsNotCut(t *testing.T) {
	slow := func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		for range 12 {
			fmt.Fprintf(w, "%d %v\n", n, err)
			_ = http.NewResponseController(w).Flush()
			time.Sleep(stall * 9 / 10)
		}
	}
	simulate(t, gateway.Config{StallTimeout: stall}, slow, func(t *testing.T, s *simulation) {
		nc, r := s.raw(t, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\nBearer: "+s.token+"\r\n\r\n")
		for range 12 {
			time.Sleep(stall * 9 / 10)
			_, err := io.WriteString(nc, "x")
			must(t, err)
		}
		resp, err := http.ReadResponse(r, nil)
		must(t, err)
		body, err := io.ReadAll(resp.Body)
		if err != nil || string(body) != strings.Repeat("12 <nil>\n", 12) {
			t.Errorf("a slow client got %q, %v", body, err)
		}
		// The deadlines of this request are none of the next one's.
		time.Sleep(2 * stall)
		fmt.Fprintf(nc, "GET / HTTP/1.1\r\nHost: x\r\nBearer: %s\r\n\r\n", s.token)
		if resp, err := http.ReadResponse(r, nil); err != nil || resp.StatusCode != 200 {
			t.Errorf("the next request = %v, %v", resp, err)
		}
	})
}

// flood writes until it cannot, after begin: the client has to have the head of the
// answer by then, which the proxy sends from a goroutine of its own. That one would
// wait for a mutex else, and no bubble's time passes while somebody does.
func flood(w http.ResponseWriter, begin chan struct{}) {
	_ = http.NewResponseController(w).Flush()
	<-begin
	for block := make([]byte, 1<<20); ; {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

// TestStalledExchangeIsCut: who takes nothing, sends nothing or answers nothing is
// cut, and the log says whose fault it was.
func TestStalledExchangeIsCut(t *testing.T) {
	var ended chan string
	var headRead chan struct{}
	wrp := func(w http.ResponseWriter, r *http.Request) {
		defer func() { ended <- r.URL.Path }()
		switch r.URL.Path {
		case "/flood":
			flood(w, headRead)
		case "/upload":
			_, _ = io.Copy(io.Discard, r.Body)
		case "/half":
			_, _ = io.WriteString(w, "half an ans")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		case "/nothing":
			<-r.Context().Done()
		}
	}
	for _, tt := range []struct{ request, path, log, answer string }{
		{"GET /flood HTTP/1.1\r\nHost: x\r\n", "/flood", "status=499", "HTTP/1.1 200 "},
		{"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n", "/upload", "status=499", ""},
		{"GET /half HTTP/1.1\r\nHost: x\r\n", "/half", "status=502", "half an ans"},
		{"GET /nothing HTTP/1.1\r\nHost: x\r\n", "/nothing", "status=504", "HTTP/1.1 504 "},
	} {
		simulate(t, gateway.Config{StallTimeout: stall}, wrp, func(t *testing.T, s *simulation) {
			ended, headRead = make(chan string, 1), make(chan struct{})
			begin := time.Now()
			_, r := s.raw(t, tt.request+"Bearer: "+s.token+"\r\n\r\n")
			var got []byte
			go func() {
				got = make([]byte, 4096)
				n, _ := r.Read(got)
				close(headRead)
				if tt.path != "/flood" { // of which nothing more is taken
					m, _ := r.Read(got[n:])
					n += m
				}
				got = got[:n]
			}()
			if path := <-ended; path != tt.path {
				t.Errorf("%s ended, want %s", path, tt.path)
			}
			if took := time.Since(begin); took < stall || took > 2*stall {
				t.Errorf("%s took %v, want %v and not much more", tt.path, took, stall)
			}
			synctest.Wait()
			if n := s.log.count(tt.log); n != 1 {
				t.Errorf("%s is logged as %s %d times, want once", tt.path, tt.log, n)
			}
			if !strings.Contains(string(got), tt.answer) {
				t.Errorf("%s is answered %q, want %q", tt.path, got, tt.answer)
			}
		})
	}
}
