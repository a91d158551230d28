package session

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"wrpdistributor/internal/hosts"
)

// waitingAge is for how long it is known what waits, and mostly that nothing does. Whoever
// misses what another process made ready since loses less than this: a start takes longer.
const waitingAge = 200 * time.Millisecond

// pickWarm chooses among the containers that fit: those that are ready first, on the host
// that the strategy would choose, and of these the one that got furthest, which is
// the oldest that has a container; while others are taken as well, any that has one.
// Whoever gets one tries to take it, and calls takings.end.
func (r *request) pickWarm(ctx context.Context) (*Session, error) {
	for {
		l, err := r.lookForWaiting(ctx)
		if err != nil {
			return nil, err
		}
		list, err := r.inOrder(ctx, l)
		if err != nil {
			return nil, err
		}
		s, other := r.takings.begin(list, l.began)
		switch {
		case s != nil:
			return s, nil
		case other == nil:
			return nil, ErrNotFound
		}
		select {
		case <-other.done: // it may have failed
			r.lookAgain = true
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (r *request) lookForWaiting(ctx context.Context) (*look[[]Session], error) {
	if r.lookAgain {
		r.lookAgain = false
		return r.waiting.exact(ctx, r.working())
	}
	return r.waiting.recent(ctx, r.working())
}

// inOrder returns the sessions that fit, the best first.
func (r *request) inOrder(ctx context.Context, l *look[[]Session]) ([]Session, error) {
	if len(l.value) == 0 {
		return nil, nil
	}
	loads, _ := r.eligible()
	list := slices.DeleteFunc(slices.Clone(l.value), func(s Session) bool { return !r.fits(&s) || !isAmong(loads, s.Host) })
	host, err := r.bestHost(ctx, loads, readyFirst(r.takings.untried(list, l.began)), l.value)
	if err != nil {
		return nil, err
	}
	if r.lost || r.takings.busy() { // other processes may be, and would try them in the same order
		rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	slices.SortStableFunc(list, func(a, b Session) int { return cmp.Compare(rank(&b, host), rank(&a, host)) })
	return list, nil
}

// readyFirst returns the sessions that are ready, or all if none is.
func readyFirst(list []Session) []Session {
	if ready := slices.DeleteFunc(slices.Clone(list), func(s Session) bool { return s.State != Warm }); len(ready) > 0 {
		return ready
	}
	return list
}

func rank(s *Session, host string) int {
	n := 0
	if s.State == Warm {
		n += 4
	}
	if s.Host == host {
		n += 2
	}
	if s.ContainerID != "" {
		n++
	}
	return n
}

// bestHost asks the strategy for one of the hosts in list, which is of all that waits.
func (r *request) bestHost(ctx context.Context, loads []hosts.Load, list, all []Session) (string, error) {
	loads = slices.DeleteFunc(loads, func(l hosts.Load) bool {
		return !slices.ContainsFunc(list, func(s Session) bool { return s.Host == l.Host })
	})
	switch len(loads) {
	case 0:
		return "", nil
	case 1:
		return loads[0].Host, nil
	}
	inUse, err := r.store.inUse(ctx)
	if err != nil {
		return "", err
	}
	waiting := make(map[string]int)
	for i := range all {
		waiting[all[i].Host]++
	}
	for i, l := range loads {
		loads[i].Used, loads[i].Waiting = inUse[l.Host], waiting[l.Host]
	}
	if i, ok := r.cfg.Strategy(loads); ok {
		return loads[i].Host, nil
	}
	return list[0].Host, nil // a limit was lowered below what waits
}
