package portal

import (
	"maps"
	"sync"
	"time"
)

const (
	tokenAge = time.Minute     // for which it is not asked again whose session it is
	lookFor  = 5 * time.Minute // for which a page looks again by itself
	waitsAge = 2 * time.Minute // after which somebody who does not look again waits no longer
	maxKnown = 10_000          // of each; those above are asked for, or look, again
)

// tokens are those of sessions that people have. That one opens its session still is for
// the gateway to find out.
type tokens struct {
	mu sync.Mutex // guards what follows
	of map[string]knownToken
}

type knownToken struct {
	token string
	since time.Time
}

func (t *tokens) init() { t.of = make(map[string]knownToken) }

func (t *tokens) find(key string) (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k, ok := t.of[key]
	return k.token, ok && time.Since(k.since) < tokenAge
}

func (t *tokens) know(key, token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.of) >= maxKnown {
		prune(t.of, func(k knownToken) bool { return time.Since(k.since) < tokenAge })
	}
	t.of[key] = knownToken{token, time.Now()}
}

// forget forgets the token of a person, if it is still that one.
func (t *tokens) forget(key, token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of[key].token == token {
		delete(t.of, key)
	}
}

// prune leaves out what is not worth keeping, or all if that is too much.
func prune[V any](of map[string]V, keep func(V) bool) {
	maps.DeleteFunc(of, func(_ string, v V) bool { return !keep(v) })
	if len(of) >= maxKnown {
		clear(of)
	}
}

// waits are people who look again and again for a session. Where several processes serve
// them in turn, each counts by itself.
type waits struct {
	mu sync.Mutex // guards what follows
	of map[string]waiting
}

type waiting struct{ since, last time.Time }

func (w *waits) init() { w.of = make(map[string]waiting) }

// look notes that a person looks, and reports whether it is to look again by itself. Who
// has done so for long is asked to click, and begins anew by that.
func (w *waits) look(key string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	one, ok := w.of[key]
	if !ok || now.Sub(one.last) > waitsAge {
		one = waiting{since: now}
	}
	one.last = now
	if now.Sub(one.since) >= lookFor {
		delete(w.of, key)
		return false
	}
	if len(w.of) >= maxKnown {
		prune(w.of, func(o waiting) bool { return now.Sub(o.last) <= waitsAge })
	}
	w.of[key] = one
	return true
}

// end notes that a person waits no more.
func (w *waits) end(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.of, key)
}

// number returns how many people wait.
func (w *waits) number() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, one := range w.of {
		if time.Since(one.last) <= waitsAge {
			n++
		}
	}
	return n
}
