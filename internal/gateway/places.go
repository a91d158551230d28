package gateway

import (
	"context"
	"slices"
	"sync"
	"time"

	"wrpdistributor/internal/clientconn"
)

const (
	maxRequests = 64  // of one session at once
	maxWaiting  = 256 // of one session, in line

	// maxAnswers bounds the requests of one session that are answered at once, or will
	// be in a moment. What a container sends and a client does not take is held in
	// memory, up to 2 MiB for each SSH channel, which no setting makes less. Most
	// answers go into the kernel's buffer as a whole, and are over.
	maxAnswers = 6

	thinkTime  = time.Second / 4  // after which a request that is not answered may wait for longer
	lookPause  = time.Second      // between two looks for clients that take nothing, while others wait
	wantedTime = 15 * time.Second // after which a client that takes nothing gives its place to one that waits
)

// places are those of one session's requests. The zero value is ready, and safe for
// concurrent use.
type places struct {
	mu       sync.Mutex
	taken    map[*place]struct{}
	answered int      // of those taken: see [maxAnswers]
	waiting  []*place // in order of arrival
	looking  bool     // a look for clients that take nothing is due
}

// A place is that of one request.
type place struct {
	of      *places
	conn    *clientconn.Conn // nil: not known
	granted chan error       // what came of waiting: nil, or why it is refused

	// These are guarded by the places.
	answered bool // is counted there
	begun    bool // its answer has begun
	thinking *time.Timer
}

// take takes a place for a request, as soon as there is one. If the line is full it
// refuses first who may have left: a client that has half-closed.
func (s *places) take(ctx context.Context, conn *clientconn.Conn) (*place, error) {
	p := &place{of: s, conn: conn, granted: make(chan error, 1)}
	if !s.join(p) {
		return nil, errTooMany
	}
	select {
	case err := <-p.granted:
		if err != nil {
			return nil, err
		}
		return p, nil
	case <-ctx.Done():
		s.giveUp(p)
		return nil, context.Cause(ctx)
	}
}

// join puts a request in line, and reports whether there was room.
func (s *places) join(p *place) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.taken)+len(s.waiting) >= maxRequests+maxWaiting {
		i := slices.IndexFunc(s.waiting, func(w *place) bool { return w.conn != nil && w.conn.HalfClosed() })
		if i < 0 {
			return false
		}
		s.waiting[i].granted <- errTooMany
		s.waiting = slices.Delete(s.waiting, i, i+1)
	}
	s.waiting = append(s.waiting, p)
	s.grant()
	return true
}

// giveUp takes a request out that does not want its place any more.
func (s *places) giveUp(p *place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = slices.DeleteFunc(s.waiting, func(w *place) bool { return w == p })
	s.release(p)
}

// leave gives a place back.
func (p *place) leave() {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	p.of.release(p)
}

// release is leave with the lock held, for a place that may not be taken.
func (s *places) release(p *place) {
	if _, taken := s.taken[p]; !taken {
		return
	}
	delete(s.taken, p)
	p.thinking.Stop()
	s.count(p, false)
	s.grant()
}

// grant gives places to those who wait, in order.
func (s *places) grant() {
	if s.taken == nil {
		s.taken = make(map[*place]struct{})
	}
	for len(s.waiting) > 0 && len(s.taken) < maxRequests && s.answered < maxAnswers {
		p := s.waiting[0]
		s.waiting = slices.Delete(s.waiting, 0, 1)
		s.taken[p] = struct{}{}
		s.count(p, true)
		p.thinking = time.AfterFunc(thinkTime, p.think)
		p.granted <- nil
	}
	s.lookLater()
}

// count has a request count as one that is answered, or not.
func (s *places) count(p *place, answered bool) {
	switch {
	case answered && !p.answered:
		s.answered++
	case !answered && p.answered:
		s.answered--
	}
	p.answered = answered
}

// think lets others have their answers: this one does not come yet.
func (p *place) think() {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	if _, taken := p.of.taken[p]; taken && !p.begun {
		p.of.count(p, false)
		p.of.grant()
	}
}

// begin says that the answer begins. It is not held back, even if there are many. That
// of a request which has left is the gateway's own.
func (p *place) begin() {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	if _, taken := p.of.taken[p]; taken {
		p.begun = true
		p.of.count(p, true)
		p.of.lookLater()
	}
}

// lookLater has places looked at while some are wanted.
func (s *places) lookLater() {
	if !s.looking && s.wanted() {
		s.looking = true
		time.AfterFunc(lookPause, s.look)
	}
}

// wanted reports whether others wait, or should.
func (s *places) wanted() bool { return len(s.waiting) > 0 || s.answered > maxAnswers }

// look cuts the answer whose client has taken nothing for longest, if that is long:
// its machine may have been switched off, and what is in line is its next try.
func (s *places) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looking = false
	if !s.wanted() {
		return
	}
	var idlest *clientconn.Conn
	longest := wantedTime
	for p := range s.taken {
		if p.conn == nil {
			continue
		}
		if idle := p.conn.Stalled(); idle >= longest {
			idlest, longest = p.conn, idle
		}
	}
	if idlest != nil {
		idlest.Cut()
	}
	s.lookLater()
}
