// Package standin answers HTTP requests as a WRP server does, without a browser.
//
// It is what runs in a container wherever the real WRP is too big or too slow:
// in the tests, in the demonstration image and on pretend hosts. Its pages and
// pictures are made up, but what a service around WRP depends on is the same:
// the token header and where it is not asked for, the flags and the exit code
// of unknown ones, the slow first page, and that anybody may shut it down.
package standin

import (
	"context"
	"io"
	"log"
	"net/http"
	"sync"
	"time"

	"wrpdistributor/internal/clock"
)

// A Config says how one stand-in behaves. Its zero value is an open server
// that answers at once.
type Config struct {
	Token        string        // wanted in the header named Bearer; empty: every request is answered
	Hostname     string        // sent as X-Standin with every answer; empty: the header is left out
	BrowserStart time.Duration // how long the first page takes in addition
	KeepPages    bool          // pictures and maps can be had more than once, as with -n
	Log          *log.Logger   // a line for each request; nil: none
	Shutdown     func()        // called once /shutdown/ was answered; nil: nothing happens
}

// A server is the state behind one stand-in. It is safe for concurrent use.
type server struct {
	config Config

	mu        sync.Mutex // guards what follows
	warmAfter time.Time  // when the first page, and all after it, can be drawn
	pages     pages
}

// New returns a handler that answers as a fresh WRP does.
func New(config Config) http.Handler {
	if config.Log == nil {
		config.Log = log.New(io.Discard, "", 0)
	}
	s := &server{config: config, pages: newPages()}
	mux := http.NewServeMux()
	mux.HandleFunc("/", s.withToken(s.page))
	mux.HandleFunc("/map/", s.withToken(s.click))
	mux.HandleFunc("/img/", s.withToken(s.picture))
	mux.HandleFunc("/img/big", s.withToken(s.big))
	mux.HandleFunc("/favicon.ico", http.NotFound)
	mux.HandleFunc("/shutdown/", s.shutdown)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if config.Hostname != "" {
			w.Header().Set("X-Standin", config.Hostname)
		}
		// The query is left out: it may hold what a user typed.
		config.Log.Printf("%s %s %s", r.RemoteAddr, r.Method, r.URL.Path)
		mux.ServeHTTP(w, r)
	})
}

// withToken lets only requests with the right token through to next. All others
// get 401 and an empty body.
func (s *server) withToken(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.config.Token != "" && r.Header.Get("Bearer") != s.config.Token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next(w, r)
	}
}

// shutdown answers and then ends the process that it stands for. It asks for no
// token, because WRP does not either.
func (s *server) shutdown(w http.ResponseWriter, _ *http.Request) {
	const text = "The stand-in shuts down.\n"
	noCache(w, "text/plain")
	// With its length known the answer is complete before the process is gone.
	w.Header().Set("Content-Length", itoa(len(text)))
	io.WriteString(w, text)
	http.NewResponseController(w).Flush()
	if s.config.Shutdown != nil {
		s.config.Shutdown()
	}
}

// waitForBrowser returns when the browser has started, which the first caller
// sets off, or with the error of ctx.
func (s *server) waitForBrowser(ctx context.Context) error {
	s.mu.Lock()
	if s.warmAfter.IsZero() {
		s.warmAfter = time.Now().Add(s.config.BrowserStart)
	}
	wait := time.Until(s.warmAfter)
	s.mu.Unlock()
	if wait <= 0 {
		return nil
	}
	return clock.Sleep(ctx, wait)
}

// noCache sets the headers that keep old browsers from showing an old page.
func noCache(w http.ResponseWriter, contentType string) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "max-age=0")
	h.Set("Expires", "-1")
	h.Set("Pragma", "no-cache")
}
