// Package hostguard stands between whoever has a distributor's SSH key and a host's
// Docker engine, and lets through what sessions need.
//
// Whoever reaches an engine's socket is root there. A guard reads each request, decides
// about it, and writes one of its own: nothing of the bytes that came goes on, neither
// paths nor headers nor bodies. What it does not know, or could be read in two ways, it
// refuses with 403, a sentence and a line in the log. So containers are made from the
// host's listed images only, locked in as the distributor does it, and nobody touches
// any but those of one distributor.
//
// A guard decides nothing by what it heard before, but for whose containers these are: a
// host belongs to the database of the first container made through it. A request that
// the engine was sent and did not answer ends with its connection: whether it was carried
// out nobody knows, and so nobody says.
package hostguard

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
)

// A Guard answers in the engine's place. It is safe for concurrent use.
type Guard struct {
	cfg Config
	log *slog.Logger
}

// New returns the guard of a host.
func New(cfg Config, log *slog.Logger) (*Guard, error) {
	return &Guard{cfg: cfg, log: log}, nil
}

// A refusal is why a request is not let through.
type refusal struct{ why string }

// Error is for whoever sent the request, and the log.
func (r refusal) Error() string { return r.why }

func refuse(format string, args ...any) error { return refusal{fmt.Sprintf(format, args...)} }

// ServeHTTP implements [http.Handler].
func (g *Guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	err := g.serve(w, r)
	if _, refused := errors.AsType[refusal](err); refused {
		g.log.Warn("refused", "method", r.Method, "target", r.RequestURI, "err", err)
		http.Error(w, err.Error(), http.StatusForbidden)
	}
}

func (g *Guard) serve(http.ResponseWriter, *http.Request) error {
	return refuse("not needed by sessions")
}
