package hoststest

import (
	"fmt"
	"html"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A Site is a web server that containers reach, and nobody outside of this machine. Its
// pages are all link, to second beside them, and of the color that their path begins with.
// It keeps what it is asked. Its methods are safe for concurrent use.
type Site struct {
	URL string // without a slash at its end

	mu       sync.Mutex
	paths    []string
	requests []string
}

// StartSite starts one on the containers' network that runs as long as the test.
func StartSite(t testing.TB) *Site {
	t.Helper()
	gateway := Docker(t, "network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "wrp")
	ln, err := net.Listen("tcp", net.JoinHostPort(gateway, "0"))
	if err != nil {
		t.Fatal(err)
	}
	s := &Site{URL: "http://" + ln.Addr().String()}
	srv := &httptest.Server{Listener: ln, Config: &http.Server{Handler: s}}
	srv.Start()
	t.Cleanup(srv.Close)
	return s
}

// ServeHTTP implements [http.Handler].
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.paths = append(s.paths, r.URL.Path)
	s.requests = append(s.requests, fmt.Sprint(r.RequestURI, r.Header))
	s.mu.Unlock()
	color, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	w.Header().Set("Content-Type", "text/html")
	fmt.Fprintf(w, `<body style="margin:0" bgcolor="%s"><a href="second" style="display:block;width:1000px;height:500px">second</a></body>`, html.EscapeString(color))
}

// Was reports whether a path was asked for.
func (s *Site) Was(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.paths, path)
}

// Got reports whether a text was in a request's target or headers.
func (s *Site) Got(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Contains(strings.Join(s.requests, "\n"), text)
}

// Forget forgets which paths were asked for.
func (s *Site) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paths = nil
}
