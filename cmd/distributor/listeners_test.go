package main

import (
	"log/slog"
	"net"
	"net/http"
	"testing"

	"wrpdistributor/internal/target/targettest"
)

// TestServerAnswersNothingItself: what a request to "*" gets is for the handler to
// say.
func TestServerAnswersNothingItself(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := newServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }), 0, slog.Default())
	go func() { _ = srv.Serve(ln) }()
	defer srv.Close()
	if got := targettest.Send(t, ln.Addr().String(), "OPTIONS", "*", ""); got != http.StatusTeapot {
		t.Errorf("status = %d, not the handler's", got)
	}
}
