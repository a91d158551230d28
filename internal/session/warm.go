package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"wrpdistributor/internal/clock"
	"wrpdistributor/internal/hosts"
)

const (
	warmProbe    = time.Second     // for a waiting container to answer its taker
	creationWait = 2 * time.Second // for one that was taken over while it was being prepared to be created
	evictFor     = 10 * time.Second
	evictPoll    = 50 * time.Millisecond
	warmingPoll  = 20 * time.Millisecond
)

// errUnfitWarm means that a waiting container turned out to be of no use, which
// says nothing against its host.
var errUnfitWarm = errors.New("waiting container cannot be handed over")

// takeWarm gives the client one of the containers that wait for one, or else
// one that is about to. [ErrNotFound]: there is none. With another error it
// returns the session that could not be handed over, if it got that far.
func (r *request) takeWarm(ctx context.Context) (*Session, error) {
	for {
		s, err := r.pickWarm(ctx)
		if err != nil {
			return nil, err
		}
		before := s.State
		won, err := r.Store.Take(ctx, s.ID, before, r.client, r.tls)
		if err != nil {
			return nil, err
		}
		if !won {
			continue // another client was faster, or it is being ended
		}
		failpoint("taken")
		s.State, s.TLS = Starting, r.tls
		if err := r.handOver(ctx, s, before); err != nil {
			return s, r.rollBackStart(ctx, s, err)
		}
		return s, nil
	}
}

// pickWarm chooses among the containers that fit: those that are ready first,
// on the host that the strategy would choose.
func (r *request) pickWarm(ctx context.Context) (*Session, error) {
	list, err := r.Store.Waiting(ctx)
	if err != nil {
		return nil, err
	}
	loads, _ := r.eligible()
	list = slices.DeleteFunc(list, func(s Session) bool { return !r.fits(&s) || !isAmong(loads, s.Host) })
	if ready := slices.DeleteFunc(slices.Clone(list), func(s Session) bool { return s.State != Warm }); len(ready) > 0 {
		list = ready
	}
	if len(list) == 0 {
		return nil, ErrNotFound
	}
	host, err := r.bestHost(ctx, loads, list)
	if err != nil {
		return nil, err
	}
	// The one that is furthest: it has a container, and is the oldest.
	best := slices.MinFunc(list, func(a, b Session) int {
		return cmp.Or(-cmp.Compare(rank(&a, host), rank(&b, host)), cmp.Compare(a.ID, b.ID))
	})
	return &best, nil
}

func rank(s *Session, host string) int {
	n := 0
	if s.Host == host {
		n += 2
	}
	if s.ContainerID != "" {
		n++
	}
	return n
}

// fits reports whether a waiting container serves the client. Behind a gateway
// all do: the gateway is who speaks TLS.
func (r *request) fits(s *Session) bool {
	return s.Gateway == r.Gateway && (r.Gateway && (!r.tls || r.GatewayTLS) || !r.Gateway && s.TLS == r.tls)
}

func isAmong(loads []hosts.Load, host string) bool {
	return slices.ContainsFunc(loads, func(l hosts.Load) bool { return l.Host == host })
}

// bestHost asks the strategy for one of the hosts in list.
func (r *request) bestHost(ctx context.Context, loads []hosts.Load, list []Session) (string, error) {
	if !slices.ContainsFunc(list, func(s Session) bool { return s.Host != list[0].Host }) {
		return list[0].Host, nil
	}
	rows, err := r.Store.usage(ctx)
	if err != nil {
		return "", err
	}
	loads = slices.DeleteFunc(loads, func(l hosts.Load) bool {
		return !slices.ContainsFunc(list, func(s Session) bool { return s.Host == l.Host })
	})
	for i := range loads {
		loads[i].Used = rows[loads[i].Host].demand()
	}
	if i, ok := r.Strategy(loads); ok {
		return loads[i].Host, nil
	}
	return list[0].Host, nil // a limit was lowered below what waits
}

// handOver makes sure that a container which was taken serves, and confirms it.
// What was still being prepared is waited for, but not its first page.
func (r *request) handOver(ctx context.Context, s *Session, before State) error {
	var err error
	if before == Warm {
		probing, cancel := context.WithTimeout(ctx, warmProbe)
		err = r.Pool.Probe(probing, s.spec(r.DatabaseID))
		cancel()
		if err != nil && !errors.Is(err, hosts.ErrUnreachable) {
			err = fmt.Errorf("%w: %w", errUnfitWarm, err)
		}
	} else {
		err = r.joinWarmUp(ctx, s)
	}
	if err != nil {
		return err
	}
	return orStopped(r.Store.Confirm(ctx, s.ID))
}

// joinWarmUp goes on with a container that another goroutine, maybe of
// another process, is preparing. Both may start it: the second does no harm.
func (r *request) joinWarmUp(ctx context.Context, s *Session) error {
	ctx, cancel := context.WithTimeout(ctx, r.StartTimeout-dockerMargin)
	defer cancel()
	if err := r.awaitCreation(ctx, s); err != nil {
		// It may still come, so that nothing is known to be absent.
		return fmt.Errorf("%w: %w", err, hosts.ErrUncertain)
	}
	if err := r.Pool.Start(ctx, s.ref(r.DatabaseID)); err != nil {
		return err
	}
	return r.Pool.Ready(ctx, s.spec(r.DatabaseID))
}

// awaitCreation waits until the container of s is created by whoever prepares it.
func (r *request) awaitCreation(ctx context.Context, s *Session) error {
	for begun := time.Now(); s.ContainerID == ""; {
		if time.Since(begun) > creationWait {
			return fmt.Errorf("%w: it was not created", errUnfitWarm)
		}
		if err := clock.Sleep(ctx, warmingPoll); err != nil {
			return err
		}
		now, err := r.Store.ByID(ctx, s.ID)
		if errors.Is(err, ErrNotFound) {
			return ErrStopped
		}
		if err != nil {
			return err
		}
		s.ContainerID = now.ContainerID
		if now.State != Starting {
			return ErrStopped
		}
	}
	return nil
}

// StartWarm starts a container that waits for a client, and has it draw a page. A
// port that a stranger holds is stepped around. It returns false if enough of the kind are on the host, or it has no room.
func (m *Manager) StartWarm(ctx context.Context, host string, tls bool, enough int) (bool, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(m.alive, cancel)()
	m.starts.Add(1)
	defer m.starts.Done()
	h, err := m.Pool.Host(host)
	if err != nil {
		return false, err
	}
	for {
		s, err := m.Store.Claim(ctx, claim{
			enough: enough, tls: tls, gateway: m.Gateway, token: randomHex(20), nonce: randomHex(16),
			hosts: []hosts.Load{{Host: h.Name, Max: h.Max}}, strategy: hosts.FillHost, startPort: m.StartPort, isForeign: m.foreign.on,
		})
		if _, full := errors.AsType[*FullError](err); full || errors.Is(err, errEnough) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if err = m.warmUp(ctx, s); err != nil {
			err = m.rollBackWarmUp(ctx, s, err)
		}
		if !errors.Is(err, hosts.ErrPortTaken) || ctx.Err() != nil {
			return err == nil, err
		}
		m.foreign.add(s.Host, s.Port) // the next port, then
	}
}

func (m *Manager) warmUp(ctx context.Context, s *Session) error {
	ctx, cancel := context.WithTimeout(ctx, m.StartTimeout-dockerMargin)
	defer cancel()
	if err := m.launch(ctx, s); err != nil {
		return err
	}
	if err := m.Pool.WarmUp(ctx, s.spec(m.DatabaseID)); err != nil {
		return err
	}
	failpoint("warmed up")
	return orStopped(m.Store.ConfirmWarm(ctx, s.ID))
}

// rollBackWarmUp undoes a preparation, unless a client has taken it over: then it is
// that client's, and all is well if nothing else was the matter.
func (m *Manager) rollBackWarmUp(ctx context.Context, s *Session, cause error) error {
	ctx = context.WithoutCancel(ctx)
	storing, cancel := context.WithTimeout(ctx, rollbackTimeout)
	defer cancel()
	won, err := m.Store.Stop(storing, s.ID, Warming)
	switch {
	case err != nil:
		return errors.Join(cause, err)
	case won || m.wasStopped(ctx, s):
		return errors.Join(cause, m.rollBack(ctx, s, cause))
	case errors.Is(cause, ErrStopped):
		return nil
	}
	return cause
}
