package gateway

import (
	"context"
	"crypto/sha256"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/inflight"
	"wrpdistributor/internal/session"
)

const (
	maxIdleConns = 64 // to one container; a new one costs an SSH channel, a connection behind it and a look

	// dialTimeout is for a link that is behind; of one on which nothing moves the pool
	// knows sooner that it is dead.
	dialTimeout    = time.Minute
	confirmTimeout = 15 * time.Second
)

// A key is the hash of a token. How long it takes to find says nothing of the
// token.
type key [sha256.Size]byte

func keyOf(token string) key { return sha256.Sum256([]byte(token)) }

// A route is a session that the gateway passes requests on to.
type route struct {
	session   *session.Session // as it was first seen; what the route needs of it never changes
	key       key
	since     uint64 // the reload that was the latest to begin when the route was made
	transport transport
	work      inflight.Counter // requests for it
	places    places           // of those requests
	conns     atomic.Int64     // to its container
	activity  *activity

	// cut ends the requests under way. ended is done from then on: the container is
	// gone, or its requests have had their time to finish.
	ended context.Context
	cut   context.CancelCauseFunc

	runs question[struct{}] // whether the container runs

	mu    sync.Mutex
	check *check // under way; nil: none
}

func (g *Gateway) newRoute(s *session.Session) *route {
	kept := *s // not as a part of a list, which it would keep in memory
	kept.UserAgent, kept.Settings = "", ""
	r := &route{session: &kept, key: keyOf(s.Token), activity: newActivity()}
	r.ended, r.cut = context.WithCancelCause(context.Background())
	r.transport.create = func() *http.Transport { return g.newTransport(r) }
	return r
}

// begin counts a request as work of the route, and reports whether it still takes
// any.
func (r *route) begin() bool {
	if !r.work.Begin() {
		return false
	}
	r.activity.used(time.Now())
	return true
}

func (r *route) end() {
	r.activity.used(time.Now())
	r.work.End()
}

// close cuts the requests that are still under way.
func (r *route) close() {
	r.cut(errEndedMeanwhile)
	r.transport.CloseIdleConnections()
}

// A table holds the routes, and remembers those that ended. It is safe for
// concurrent use.
type table struct {
	mu         sync.RWMutex
	byKey      map[key]*route
	byID       map[int64]*route
	tombstones tombstones
	reloads    uint64 // how many have begun
}

func (t *table) init() {
	t.byKey, t.byID, t.tombstones = make(map[key]*route), make(map[int64]*route), newTombstones()
}

// find returns the route that a token opens, ErrEnded if its session ended, or else
// errUnauthorized.
func (t *table) find(token string) (*route, error) {
	k := keyOf(token)
	t.mu.RLock()
	defer t.mu.RUnlock()
	if r := t.byKey[k]; r != nil && auth.Equal(token, r.session.Token) {
		return r, nil
	}
	if stone := t.tombstones.ofKey(k, time.Now()); stone != nil {
		return nil, &endedError{stone.id}
	}
	return nil, errUnauthorized
}

// get returns the route of a session, or nil.
func (t *table) get(id int64) *route {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byID[id]
}

func (t *table) all() []*route {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.Collect(maps.Values(t.byID))
}

// add puts a session in, unless the news of its end came before this.
func (t *table) add(s *session.Session, create func(*session.Session) *route) {
	if s.Token == "" || !s.Gateway {
		return
	}
	r := create(s) // before the lock: no request is to wait for this
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.byID[s.ID] != nil:
	case t.tombstones.hasID(s.ID):
		t.tombstones.add(s.ID, r.key, time.Now())
	default:
		r.since = t.reloads
		t.byKey[r.key], t.byID[s.ID] = r, r
	}
}

func (t *table) addAll(list []session.Session, create func(*session.Session) *route) {
	for i := range list {
		t.add(&list[i], create)
	}
}

// remove takes a session out for good, whether it is known or not, and returns
// the route that it has, or had if that is still in use, or nil.
func (t *table) remove(id int64) *route {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.byID[id]
	if r == nil {
		return t.tombstones.add(id, key{}, time.Now()).route.Value()
	}
	delete(t.byID, id)
	delete(t.byKey, r.key)
	t.tombstones.add(id, r.key, time.Now()).route = weak.Make(r)
	return r
}

// begin says that the database is about to be asked which sessions run, and returns
// the number of that reload.
func (t *table) begin() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reloads++
	return t.reloads
}

// compare takes out what ended, as the database said in a reload, and returns those
// routes, and the ids that are new here. What was put in after the reload began stays.
// The lock is held for no longer than it takes to copy the table.
func (t *table) compare(list []session.Brief, asked uint64) (fresh []int64, ended []*route) {
	gone := make(map[int64]*route)
	for _, r := range t.all() {
		gone[r.session.ID] = r
	}
	for i := range list {
		id := list[i].ID
		if gone[id] == nil && !t.ended(id) {
			fresh = append(fresh, id)
		}
		delete(gone, id)
	}
	for id, r := range gone {
		if r.since < asked {
			t.remove(id)
			ended = append(ended, r)
		}
	}
	slices.Sort(fresh)
	return fresh, ended
}

// ended reports whether a session is known to have ended.
func (t *table) ended(id int64) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.tombstones.hasID(id)
}
