package portal

import (
	"context"
	"errors"
	"sync"
	"time"

	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/journal"
	"wrpdistributor/internal/session"
)

const (
	// maxStarts is how many starts of one account, or one address, are under way at once.
	// Those above are as if they took long.
	maxStarts = 16

	failedAge = 30 * time.Second // for which it is remembered that a start failed
)

// A start is one that is under way, for all requests of its person.
type start struct {
	done  chan struct{} // closed once token and err are set
	token string
	err   error
	ended time.Time

	left bool // somebody was told to look again; guarded by the mutex of starts
}

// starts are those under way. Each person has one at most.
type starts struct {
	mu     sync.Mutex // guards what follows
	of     map[string]*start
	each   map[string]int    // of an account or an address
	failed map[string]*start // while nobody waited for them: who looks again is told
}

func (s *starts) init() {
	s.of, s.each, s.failed = make(map[string]*start), make(map[string]int), make(map[string]*start)
}

// begin returns the start of a person, and whether it is a new one, which must end. It is
// nil if there are too many of the group.
func (s *starts) begin(key, group string) (_ *start, fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if running := s.of[key]; running != nil {
		return running, false
	}
	failed := s.failed[key]
	delete(s.failed, key)
	if failed.isRecent() {
		return failed, false
	}
	if s.each[group] >= maxStarts {
		return nil, false
	}
	s.each[group]++
	s.of[key] = &start{done: make(chan struct{})}
	return s.of[key], true
}

// end tells all who wait how the start of a person went.
func (s *starts) end(key, group, token string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.of[key]
	of.token, of.err, of.ended = token, err, time.Now()
	close(of.done)
	delete(s.of, key)
	s.keepFailed(key, of)
	if s.each[group]--; s.each[group] == 0 {
		delete(s.each, group)
	}
}

// leave notes that somebody waits for a start no longer, and will look again.
func (s *starts) leave(key string, of *start) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of.left = true
	s.keepFailed(key, of)
}

// keepFailed remembers a start that failed, for want of a host, while its person did not
// look. Else each look might begin another one that takes as long to fail, and nobody would
// ever be told why. The lock must be held.
func (s *starts) keepFailed(key string, of *start) {
	if _, noHost := errors.AsType[*session.FullError](of.err); !noHost || !of.left {
		return
	}
	if len(s.failed) >= maxKnown {
		prune(s.failed, (*start).isRecent)
	}
	s.failed[key] = of
}

func (s *start) isRecent() bool { return s != nil && time.Since(s.ended) < failedAge }

// startFor returns the start that is under way for a person, which may be a new one. It
// goes on if everybody leaves.
func (p *Portal) startFor(x *exchange) (*start, error) {
	who, group := x.who, x.who.group
	s, fresh := p.starts.begin(who.key(), group)
	switch {
	case s == nil:
		return nil, errStarting
	case !fresh:
		return s, nil
	case !p.work.Begin():
		p.starts.end(who.key(), group, "", gateway.ErrClosing)
		return s, nil
	}
	go func() {
		defer p.work.End()
		token, err := p.allocate(journal.WithRequest(context.Background(), x.id), who)
		p.starts.end(who.key(), group, token, err)
	}()
	return s, nil
}

func (p *Portal) allocate(ctx context.Context, who *person) (string, error) {
	s, _, err := p.Sessions.Allocate(ctx, who.client, false)
	switch {
	case err != nil:
		return "", err
	case !s.Gateway:
		return "", errors.New("the session is not behind a gateway")
	}
	p.tokens.know(who.key(), s.Token)
	return s.Token, nil
}
