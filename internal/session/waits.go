package session

import "sync"

// waits are the requests of clients that wait for a start which another request, or
// another process, began. Who stops the session has no use for theirs either.
type waits struct {
	mu   sync.Mutex
	list map[string]map[*wait]struct{} // by identity
}

// A wait is one request's.
type wait struct {
	all       *waits
	identity  string
	calledOff bool
}

// begin returns the wait of a request that does not wait yet.
func (ws *waits) begin(c Client) *wait { return &wait{all: ws, identity: string(c.identity())} }

// callOff tells the client's requests that the session is not wanted any more.
func (ws *waits) callOff(c Client) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for w := range ws.list[string(c.identity())] {
		w.calledOff = true
	}
}

// join says that the request waits from now on.
func (w *wait) join() {
	w.all.mu.Lock()
	defer w.all.mu.Unlock()
	if w.all.list == nil {
		w.all.list = make(map[string]map[*wait]struct{})
	}
	if w.all.list[w.identity] == nil {
		w.all.list[w.identity] = make(map[*wait]struct{})
	}
	w.all.list[w.identity][w] = struct{}{}
}

// end says that the request does not wait any more.
func (w *wait) end() {
	w.all.mu.Lock()
	defer w.all.mu.Unlock()
	delete(w.all.list[w.identity], w)
	if len(w.all.list[w.identity]) == 0 {
		delete(w.all.list, w.identity)
	}
}

func (w *wait) isCalledOff() bool {
	w.all.mu.Lock()
	defer w.all.mu.Unlock()
	return w.calledOff
}
