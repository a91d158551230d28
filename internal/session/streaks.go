package session

import (
	"context"
	"errors"
	"sync"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/hosts"
)

// maxWhy is how much is kept of why a start failed: what counts often comes last.
const maxWhy = 500

// A Streak is starts of containers on one host that failed in a row, as this process saw
// them. They count for nothing but what people are told: the next may succeed.
type Streak struct {
	Times int
	Since time.Time // the first of them failed
	Why   string    // the last did
}

// streaks has the hosts on which the last start failed. It is safe for concurrent use.
type streaks struct {
	mu     sync.Mutex
	byHost map[string]Streak
}

func (st *streaks) failed(host string, err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.byHost == nil {
		st.byHost = make(map[string]Streak)
	}
	s := st.byHost[host]
	if s.Times == 0 {
		s.Since = time.Now().UTC()
	}
	s.Times++
	s.Why = readable(hosts.InWords(err).Error(), maxWhy)
	st.byHost[host] = s
}

func (st *streaks) succeeded(host string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	delete(st.byHost, host)
}

// of returns a host's streak, or nil.
func (st *streaks) of(host string) *Streak {
	st.mu.Lock()
	defer st.mu.Unlock()
	if s, ok := st.byHost[host]; ok {
		return &s
	}
	return nil
}

// startFailed counts a start that failed, and notes it of its host if it may be that
// host's fault. What makes a host down is said of that already.
func (m *Manager) startFailed(s *Session, err error) {
	m.metrics.startFailed(s, err)
	for _, innocent := range []error{
		ErrStopped, errUnfitWarm, hosts.ErrPortTaken, hosts.ErrNameTaken, hosts.ErrDown, hosts.ErrUnreachable, hosts.ErrBusy, context.Canceled,
	} {
		if errors.Is(err, innocent) {
			return
		}
	}
	if !database.IsUnavailable(err) && !errors.Is(err, errBudget) && !errors.Is(err, errStatement) {
		m.streaks.failed(s.Host, err)
	}
}

// warmedUp counts what came of a warm-up.
func (m *Manager) warmedUp(s *Session, err error) {
	m.metrics.warmedUp(err)
	if err == nil {
		m.streaks.succeeded(s.Host)
		return
	}
	m.startFailed(s, err)
}
