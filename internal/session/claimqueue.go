package session

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// maxBatch is how many claims are made in one transaction: others wait for its lock.
const maxBatch = 32

// A claimQueue has claims made by one writer, together those that come while it is at
// work. One that comes alone waits for no other. The writer works for itself: a claimant
// who gives up takes nothing from the others.
type claimQueue struct {
	write func([]*pendingClaim) // makes claims, and answers each

	alive context.Context // done when the writer is to be cut off
	abort context.CancelFunc

	mu      sync.Mutex // guards what follows
	waiting []*pendingClaim
	busy    bool // the writer is at work

	writer sync.WaitGroup // it runs while there is something to write
}

// A pendingClaim is one whose claimant waits, or gave up.
type pendingClaim struct {
	claim
	placement
	settled  atomic.Bool   // it was answered, or its claimant gave up: who sets this may act on it
	answered chan struct{} // closed when what follows is set
	session  *Session
	err      error
}

// submit returns the session that a claim got. If ctx ends before, the claim is not
// made, or rolled back.
func (q *claimQueue) submit(ctx context.Context, c claim) (*Session, error) {
	p := &pendingClaim{claim: c, answered: make(chan struct{})}
	q.add(p)
	select {
	case <-p.answered:
	case <-ctx.Done():
		if p.settled.CompareAndSwap(false, true) {
			return nil, ctx.Err()
		}
		<-p.answered // just now
	}
	return p.session, p.err
}

// answer gives a claim its result, and reports whether its claimant still waited.
func (p *pendingClaim) answer(s *Session, err error) bool {
	if !p.settled.CompareAndSwap(false, true) {
		return false
	}
	p.session, p.err = s, err
	close(p.answered)
	return true
}

func (q *claimQueue) add(p *pendingClaim) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, p)
	if !q.busy {
		q.busy = true
		q.writer.Go(q.run)
	}
}

// run makes claims until none waits.
func (q *claimQueue) run() {
	for batch := q.next(); len(batch) > 0; batch = q.next() {
		q.write(batch)
	}
}

// next returns the claims that have waited longest, but for those given up.
func (q *claimQueue) next() (batch []*pendingClaim) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) > 0 && len(batch) < maxBatch {
		if p := q.waiting[0]; !p.settled.Load() {
			batch = append(batch, p)
		}
		q.waiting[0] = nil
		q.waiting = q.waiting[1:]
	}
	q.busy = len(batch) > 0
	return batch
}

// wait returns when the writer has nothing left to do. It is cut off if that takes
// longer than patience. Nothing may be submitted any more.
func (q *claimQueue) wait(patience time.Duration) {
	defer time.AfterFunc(patience, q.abort).Stop()
	q.writer.Wait()
}
