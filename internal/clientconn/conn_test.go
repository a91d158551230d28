package clientconn_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"wrpdistributor/internal/bubbletest"
	"wrpdistributor/internal/clientconn"
	"wrpdistributor/internal/hosts/hoststest"
)

// each runs a test over plain connections and over TLS, in a bubble of its own.
func each(t *testing.T, test func(t *testing.T, config *tls.Config)) {
	t.Helper()
	cert, key := hoststest.Certificate(t)
	pair, err := tls.LoadX509KeyPair(cert, key)
	must(t, err)
	for name, config := range map[string]*tls.Config{"plain": nil, "TLS": {Certificates: []tls.Certificate{pair}}} {
		t.Run(name, func(t *testing.T) {
			bubbletest.Run(t, func(t *testing.T) { test(t, config) })
		})
	}
}

const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

// TestHalfClosedClientIsAnswered: who has said all that it has to say gets its answer,
// and its connection ends after it.
func TestHalfClosedClientIsAnswered(t *testing.T) {
	each(t, func(t *testing.T, config *tls.Config) {
		answer, half := make(chan struct{}), false
		b := serve(t, config, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			<-answer
			half = clientconn.FromContext(r.Context()).HalfClosed()
			fmt.Fprintf(w, "%s %v %v %v", body, err, r.Context().Err(), r.TLS != nil)
		})
		c := b.say(t, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nssl=1")
		must(t, c.over.CloseWrite())
		synctest.Wait()
		time.Sleep(clientconn.HalfClosedTimeout - time.Second)
		close(answer)
		if code, body := c.answer(); code != 200 || body != fmt.Sprintf("ssl=1 <nil> <nil> %v", config != nil) {
			t.Errorf("answer = %d %q", code, body)
		}
		if !half {
			t.Error("the handler cannot tell that the client half-closed")
		}
		if took := c.ends(); took > 0 {
			t.Errorf("the connection ends %v after the answer", took)
		}
	})
}

// TestHalfClosedClientIsNotWaitedForForEver: a request with nothing to write for a
// minute ends; one with something to write goes on.
func TestHalfClosedClientIsNotWaitedForForEver(t *testing.T) {
	each(t, func(t *testing.T, config *tls.Config) {
		var took time.Duration
		b := serve(t, config, func(w http.ResponseWriter, r *http.Request) {
			begin := time.Now()
			for range 4 {
				time.Sleep(clientconn.HalfClosedTimeout - time.Second)
				fmt.Fprint(w, "more")
				_ = http.NewResponseController(w).Flush()
			}
			<-r.Context().Done()
			took = time.Since(begin)
			panic(http.ErrAbortHandler)
		})
		c := b.say(t, get)
		must(t, c.over.CloseWrite())
		c.ends()
		if want := 5*clientconn.HalfClosedTimeout - 4*time.Second; took != want {
			t.Errorf("the request ended after %v, want %v", took, want)
		}
	})
}

// TestResetEndsRequest: at once.
func TestResetEndsRequest(t *testing.T) {
	each(t, func(t *testing.T, config *tls.Config) {
		took := make(chan time.Duration)
		b := serve(t, config, func(_ http.ResponseWriter, r *http.Request) {
			begin := time.Now()
			<-r.Context().Done()
			took <- time.Since(begin)
		})
		c := b.say(t, get)
		synctest.Wait()
		c.reset()
		if got := <-took; got != 0 {
			t.Errorf("the request ended after %v, want at once", got)
		}
	})
}

// TestEndWhileRequestIsRead: who ends its side in the middle of a request, or between
// two, has nothing more to say, and holds nothing.
func TestEndWhileRequestIsRead(t *testing.T) {
	each(t, func(t *testing.T, config *tls.Config) {
		b := serve(t, config, func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.ReadAll(r.Body); err != nil {
				http.Error(w, "half a body", http.StatusBadRequest)
			}
		})
		for _, text := range []string{"", "GET / HT", get, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nss"} {
			c := b.say(t, text)
			synctest.Wait()
			if text == get {
				c.answer()
			}
			must(t, c.over.CloseWrite())
			if took := c.ends(); took > time.Second { // half of one is net/http's, after half a body
				t.Errorf("after %q and the end the connection lasts %v", text, took)
			}
		}
	})
}

// TestPipelinedRequestsOfHalfClosedClient: all are answered.
func TestPipelinedRequestsOfHalfClosedClient(t *testing.T) {
	each(t, func(t *testing.T, config *tls.Config) {
		b := serve(t, config, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Context().Err()) })
		c := b.say(t, get+get+get)
		must(t, c.over.CloseWrite())
		for range 3 {
			if code, body := c.answer(); code != 200 || body != "<nil>" {
				t.Errorf("answer = %d %q", code, body)
			}
		}
	})
}

// TestPlainRequestOnTLSPort: is told so.
func TestPlainRequestOnTLSPort(t *testing.T) {
	each(t, func(t *testing.T, config *tls.Config) {
		if config == nil {
			return
		}
		b := serve(t, config, func(http.ResponseWriter, *http.Request) { t.Error("the request is served") })
		near, far := newLine()
		b.lines.conns <- far
		go func() { _, _ = io.WriteString(near, get) }()
		text, err := io.ReadAll(near)
		if string(text) != "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 34\r\n\r\nThis port speaks HTTPS, not HTTP.\n" {
			t.Errorf("answer = %q, %v", text, err)
		}
		near.Close()
	})
}
