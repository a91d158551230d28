package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"wrpdistributor/internal/clock"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/journal"
)

const evictPoll = 50 * time.Millisecond

// A request is one client's PUT while it is served.
type request struct {
	*Manager
	allocation *allocation
	client     Client
	tls        bool             // the client connects over TLS
	failed     map[string]error // by host: why a start for this client failed there
	evictUntil time.Time        // when the client stops waiting for a slot that others give up
	taken      int              // how many names were taken
	lookAgain  bool             // what was known of containers that wait may not be true any more
	lost       bool             // another process took a container first
	source     string           // of the container: see [metrics]
	began      time.Time
}

// startNew gives the client a warm container, else claims slots until a container
// starts on one: the next port after one that is taken, the next host after any
// other failure.
func (m *Manager) startNew(ctx context.Context, a *allocation, c Client, tls bool) (*Session, error) {
	m.pool.AwaitFirstCheck(ctx)
	r := &request{
		Manager: m, allocation: a, client: c, tls: tls,
		failed: make(map[string]error), evictUntil: time.Now().Add(m.limits.evict), began: time.Now(),
	}
	for {
		s, err := r.takeWarm(ctx)
		if errors.Is(err, ErrNotFound) {
			r.source = miss
			s, err = r.startCold(ctx)
		}
		if err == nil {
			r.noteStarted(ctx, s)
			return m.announce(ctx, s.ID)
		}
		if err := r.prepareRetry(ctx, err); err != nil {
			return nil, err
		}
		r.lookAgain = true
	}
}

// announce returns a session that has begun to run, after the manager's observer was told.
// Whoever stopped it meanwhile has left its client nothing.
func (m *Manager) announce(ctx context.Context, id int64) (*Session, error) {
	s, err := m.store.ByID(ctx, id)
	switch {
	case errors.Is(err, ErrNotFound) || err == nil && s.State == Stopping:
		return nil, ErrStopped
	case err == nil && m.observer != nil && s.Gateway:
		m.observer.Started(s)
	}
	return s, err
}

// startCold starts a container in a slot of its own.
func (r *request) startCold(ctx context.Context) (*Session, error) {
	loads, refused := r.eligible()
	if r.tls && !r.servesTLS() {
		return nil, ErrNoTLS
	}
	c := r.newClaim(r.tls, loads)
	c.client = &r.client
	watch := startStopwatch()
	s, err := r.store.Claim(ctx, c)
	if more, ok := errors.AsType[*FullError](err); ok {
		return nil, &FullError{Reasons: append(r.reasons(refused), more.Reasons...), evictable: more.evictable}
	}
	if err != nil {
		return nil, err
	}
	s.Took.Claim = watch.lap()
	r.note(ctx, s, journal.Claimed{Slot: s.Slot, Port: s.Port, TLS: s.TLS})
	most := r.dockerTime()
	if len(loads) == 1 {
		most *= maxStretch // a slow link is better than none
	}
	if err := r.unlessCalledOff(func() error { return r.start(ctx, s, most) }); err != nil {
		return nil, r.rollBackStart(ctx, s, err)
	}
	return s, nil
}

// unlessCalledOff goes on with a session that has just become the client's: whoever
// called the request off before that has not seen it.
func (r *request) unlessCalledOff(do func() error) error {
	if r.allocation.isCalledOff() {
		return ErrStopped
	}
	return do()
}

// newClaim returns a claim for a slot on one of some hosts.
func (m *Manager) newClaim(tls bool, loads []hosts.Load) claim {
	return claim{
		tls: tls, gateway: m.cfg.Gateway, token: randomHex(20), nonce: randomHex(16), above: m.skipped.n.Load(),
		hosts: loads, strategy: m.cfg.Strategy, ports: portRange{m.cfg.StartPort, m.cfg.SparePorts}, isForeign: m.foreign.on,
	}
}

// prepareRetry sees to it that the next attempt does not fail as the one with err
// did. It returns the error to end with if there is to be no other attempt.
func (r *request) prepareRetry(ctx context.Context, err error) error {
	if full, ok := errors.AsType[*FullError](err); ok {
		return r.makeRoom(ctx, full)
	}
	failed, ok := errors.AsType[*startError](err)
	if !ok || errors.Is(err, ErrStopped) || errors.Is(err, errStatement) || ctx.Err() != nil {
		return err
	}
	s := failed.session
	if errors.Is(failed, hosts.ErrNameTaken) && r.taken < maxTakenNames {
		r.taken++
		r.handleTakenName(ctx, s)
		return nil
	}
	r.avoid(ctx, failed)
	r.log.WarnContext(ctx, "start failed; trying elsewhere", "session", s.ID, "client", r.client, "host", s.Host, "port", s.Port, "err", failed.cause)
	r.note(ctx, s, journal.Failed{Port: s.Port, Why: failed.cause.Error()})
	return nil
}

// makeRoom evicts what keeps the client from a slot, or lets hosts be tried again that were
// only busy. It returns full if there is nothing to hope for.
func (r *request) makeRoom(ctx context.Context, full *FullError) error {
	if full.evictable && time.Now().Before(r.evictUntil) {
		if err := r.evict(ctx, full); err != nil {
			return errors.Join(full, err)
		}
		return nil
	}
	if ctx.Err() != nil || !r.forgiveBusy() {
		return full
	}
	return nil
}

// forgiveBusy lets hosts be tried again whose SSH sessions were all kept by work for
// others, as long as a start may take. It reports whether there are any.
func (r *request) forgiveBusy() bool {
	if time.Since(r.began) >= r.dockerTime() {
		return false
	}
	before := len(r.failed)
	maps.DeleteFunc(r.failed, func(_ string, why error) bool { return errors.Is(why, hosts.ErrBusy) })
	return len(r.failed) < before
}

// avoid remembers the port or the host that a start failed on. A warm container
// that does not answer says nothing against either.
func (r *request) avoid(ctx context.Context, failed *startError) {
	switch {
	case errors.Is(failed, hosts.ErrPortTaken):
		r.handleTakenPort(ctx, failed.session)
	case !errors.Is(failed, errUnfitWarm):
		r.failed[failed.session.Host] = failed.cause
	}
}

// evict makes room where containers that never had a client take all slots. It
// stops one that does not fit the client. If one fits, or is being stopped, it only
// waits a little: the next attempt may get that one, or its slot.
func (r *request) evict(ctx context.Context, full *FullError) error {
	loads, _ := r.eligible()
	list, err := r.store.Evictable(ctx)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(s Session) bool { return !isAmong(loads, s.Host) })
	if len(list) == 0 {
		return nil // its slot has become free meanwhile
	}
	if slices.ContainsFunc(list, func(s Session) bool { return s.State == Stopping || r.fits(&s) }) {
		return clock.Sleep(ctx, evictPoll)
	}
	s := &list[0]
	r.log.InfoContext(ctx, "evicting warm container", "session", s.ID, "host", s.Host, "client", r.client, "reason", full)
	_, err = r.stop(ctx, s, evicted)
	return ignoreUnfinished(err)
}

// eligible returns the hosts that can take a container and did not fail this
// client yet, and the others.
func (r *request) eligible() (loads []hosts.Load, refused []hosts.Status) {
	loads = make([]hosts.Load, 0, r.pool.Len())
	for st := range r.pool.Statuses() {
		if takes(st, r.needsCertificate()) && r.failed[st.Host.Name] == nil {
			loads = append(loads, hosts.Load{Host: st.Host.Name, Max: st.Host.Max, Memory: st.Memory})
		} else {
			refused = append(refused, st)
		}
	}
	return loads, refused
}

// needsCertificate reports whether a host has to serve TLS itself to serve the client.
func (r *request) needsCertificate() bool { return r.tls && !r.cfg.Gateway }

// reasons says why hosts are not eligible. With many that is much to put in words, and
// most clients get a host.
func (r *request) reasons(refused []hosts.Status) []Reason {
	list := make([]Reason, 0, len(refused))
	for _, st := range refused {
		failed := r.failed[st.Host.Name]
		reason := Reason{Host: st.Host.Name, Why: refusal(st, r.needsCertificate(), failed)}
		if failed == nil && st.State.IsDown() {
			reason.Since, reason.Cause = st.Since, strings.TrimPrefix(st.Reason, hosts.ErrUnreachable.Error()+": ")
		}
		list = append(list, reason)
	}
	return list
}

func isAmong(loads []hosts.Load, host string) bool {
	return slices.ContainsFunc(loads, func(l hosts.Load) bool { return l.Host == host })
}

// servesTLS reports whether a client could be served over TLS at all.
func (m *Manager) servesTLS() bool {
	if m.cfg.Gateway {
		return m.cfg.GatewayTLS
	}
	for st := range m.pool.Statuses() {
		if st.NoTLS == "" && !st.Leaving {
			return true
		}
	}
	return false
}

// takes reports whether a host is asked, and so whether [refusal] has nothing to say.
func takes(st hosts.Status, tls bool) bool {
	return st.State == hosts.Up && !st.Leaving && (!tls || st.NoTLS == "")
}

// leaving is why a host takes no session that is configured no more.
const leaving = "leaving: it is not among the configured hosts any more"

// refusal says why a host is not asked, or nothing.
func refusal(st hosts.Status, tls bool, failed error) string {
	switch {
	case failed != nil:
		return failed.Error()
	case st.Leaving:
		return leaving
	case st.State == hosts.NoImage:
		return st.Reason
	case st.State == hosts.Unknown:
		return "not checked yet"
	case st.State != hosts.Up:
		return fmt.Sprintf("down since %s: %s", st.Since.UTC().Format("2006-01-02 15:04:05 UTC"), hosts.Cause(st.Reason))
	case tls:
		return st.NoTLS
	}
	return ""
}
