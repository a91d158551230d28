package session

import "sync"

// allocations are the requests of clients that are under way here. Who stops the session
// has no use for what was asked for before.
type allocations struct {
	mu   sync.Mutex
	list map[string]map[*allocation]struct{} // by identity
}

// An allocation is one request's.
type allocation struct {
	all       *allocations
	identity  string
	account   string // empty: the client has none
	calledOff bool
}

// begin says that a request of the client is under way from now on.
func (as *allocations) begin(c Client) *allocation {
	a := &allocation{all: as, identity: string(c.identity()), account: c.account}
	as.mu.Lock()
	defer as.mu.Unlock()
	if as.list == nil {
		as.list = make(map[string]map[*allocation]struct{})
	}
	if as.list[a.identity] == nil {
		as.list[a.identity] = make(map[*allocation]struct{})
	}
	as.list[a.identity][a] = struct{}{}
	return a
}

// callOff tells the client's requests that the session is not wanted any more.
func (as *allocations) callOff(c Client) {
	as.mu.Lock()
	defer as.mu.Unlock()
	for a := range as.list[string(c.identity())] {
		a.calledOff = true
	}
}

// callOffAccount is callOff for all clients of an account.
func (as *allocations) callOffAccount(account string) {
	as.mu.Lock()
	defer as.mu.Unlock()
	for _, ofClient := range as.list {
		for a := range ofClient {
			a.calledOff = a.calledOff || a.account == account
		}
	}
}

// end says that the request is not under way any more.
func (a *allocation) end() {
	a.all.mu.Lock()
	defer a.all.mu.Unlock()
	delete(a.all.list[a.identity], a)
	if len(a.all.list[a.identity]) == 0 {
		delete(a.all.list, a.identity)
	}
}

func (a *allocation) isCalledOff() bool {
	a.all.mu.Lock()
	defer a.all.mu.Unlock()
	return a.calledOff
}
