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
// host belongs to the database of the first container made through it; and but for how many
// containers there are at most, as there is not room for any number. A request that
// the engine was sent and did not answer ends with its connection: whether it was carried
// out nobody knows, and so nobody says.
package hostguard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
)

// A Guard answers in the engine's place. It is safe for concurrent use.
type Guard struct {
	cfg     Config
	engine  *engine
	owner   *owner
	ours    *ours
	room    *room
	alone   bool // it serves one connection; those beside it have guards of their own
	log     *refusals
	reading chan struct{} // a place for each body that is read at a time
	streams chan struct{} // a place for each answer that may last
}

const (
	parallelReads = 2
	maxStreams    = 32
)

// New returns the guard of a host.
func New(cfg Config, log *slog.Logger) (*Guard, error) {
	o, err := newOwner(&cfg)
	if err != nil {
		return nil, err
	}
	return &Guard{
		cfg: cfg, engine: newEngine(cfg.Docker), owner: o, ours: newOurs(), room: newRoom(), log: newRefusals(log),
		reading: make(chan struct{}, parallelReads), streams: make(chan struct{}, maxStreams),
	}, nil
}

// A refusal is why a request is not let through.
type refusal struct{ why string }

// Error is for whoever sent the request, and the log.
func (r refusal) Error() string { return "hostguard: " + r.why }

func refuse(format string, args ...any) error { return refusal{fmt.Sprintf(format, args...)} }

// ServeHTTP implements [http.Handler].
func (g *Guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	err := g.serve(w, r)
	if err == nil {
		return
	}
	if _, refused := errors.AsType[refusal](err); refused {
		g.log.note(r, err)
		say(w, http.StatusForbidden, err)
		return
	}
	if _, unsent := errors.AsType[undialled](err); unsent {
		say(w, http.StatusServiceUnavailable, fmt.Errorf("hostguard: the Docker engine cannot be reached (is Docker stopped?): %w", err))
		return
	}
	panic(http.ErrAbortHandler) // the connection ends without an answer, or within one
}

// say answers as an engine does. The connection ends: what a refused client sends behind
// that is not looked at.
func say(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Connection", "close")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct { // whoever has gone does not hear it
		Message string `json:"message"`
	}{err.Error()})
}

func (g *Guard) serve(w http.ResponseWriter, r *http.Request) error {
	o, err := g.decide(w, r)
	if err != nil {
		return err
	}
	if o.answer == ownWord {
		return g.tellFacts(w, r)
	}
	if o.database != "" {
		if err := g.owner.claim(o.database); err != nil {
			return err
		}
	}
	id, done, err := g.resolve(w, r.Context(), o)
	if done || err != nil {
		return err
	}
	if o.answer == stream {
		select {
		case g.streams <- struct{}{}:
			defer func() { <-g.streams }()
		default:
			return refuse("%d streams are open already", maxStreams)
		}
	}
	return g.order(w, r.Context(), o, id)
}

// decide reads the request, and says what the engine is to be asked.
func (g *Guard) decide(w http.ResponseWriter, r *http.Request) (*order, error) {
	q, err := readRequest(w, r)
	if err != nil {
		return nil, err
	}
	g.reading <- struct{}{}
	defer func() { <-g.reading }()
	o, err := g.cfg.decide(q)
	if err != nil || o.filter == nil {
		return o, err
	}
	if o.filter.database != "" {
		if err := g.owner.allows(o.filter.database); err != nil {
			return nil, err
		}
	}
	host, err := g.owner.known()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(o.filter.values(host))
	o.query.Set("filters", string(text))
	return o, err
}

// resolve returns the id of the container that an order is for, if it is ours. It is done
// if the engine has none: then the client has been told.
func (g *Guard) resolve(w http.ResponseWriter, ctx context.Context, o *order) (id string, done bool, err error) {
	if o.ref == "" || g.ours.has(o.ref) {
		return o.ref, false, nil
	}
	c, answer, err := g.engine.find(ctx, o.minor, o.ref)
	if err != nil {
		return "", false, err
	}
	if answer != nil {
		defer answer.Body.Close()
		return "", true, pass(w, answer, false)
	}
	if err := g.owner.allows(c.Config.Labels[labelDatabase]); err != nil {
		return "", false, err
	}
	// What is anybody's as long as nobody has come may not be ours then.
	if host, _ := g.owner.known(); host != "" && o.method != http.MethodDelete {
		g.ours.add(c.ID)
	}
	return c.ID, false, nil
}

// ask sends an order, and returns the engine's answer as it begins.
func (g *Guard) ask(ctx context.Context, o *order, id string) (*http.Response, error) {
	if o.answer == created {
		return g.makeContainer(ctx, o)
	}
	return g.engine.do(ctx, o, id)
}

// order asks the engine, and hands its answer on.
func (g *Guard) order(w http.ResponseWriter, ctx context.Context, o *order, id string) error {
	resp, err := g.ask(ctx, o, id)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if o.method == http.MethodDelete {
		g.ours.remove(id)
	}
	switch o.answer {
	case created:
		id, err := passCreated(w, resp)
		if id != "" {
			g.ours.add(id)
		}
		return err
	case some:
		return passSome(w, resp)
	}
	return pass(w, resp, o.answer == stream)
}
