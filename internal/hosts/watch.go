package hosts

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"wrpdistributor/internal/clock"
)

// An Event is something that happened to a container of ours.
type Event struct {
	Host      string
	Action    Action
	Container Container // Created is not known
}

// An Action is what happened.
type Action string

// The actions that a [Watcher] is told of.
const (
	Created   Action = "create"
	Started   Action = "start"
	Died      Action = "die"     // it does not run any more
	Destroyed Action = "destroy" // it is removed
)

// A Watcher is told what happens to containers of ours. Its methods are called
// by several goroutines at once.
type Watcher interface {
	// HandleEvent is called for each event. Events may come late, and more than once.
	HandleEvent(ctx context.Context, e Event)

	// HandleListing is called with the containers that a host has, whenever the
	// stream of its events begins anew. It makes up for the events that happened
	// while there was no stream.
	HandleListing(ctx context.Context, host string, containers []Container)
}

const (
	parallelEvents = 4 // of one host, handled at once
	pollInterval   = 5 * time.Second

	// A host that tells more waits: each event is a question to the database, and may be
	// a line in the log.
	mostEvents = 1000 // in a stretch
	stretch    = 10 * time.Second
)

// watch passes the host's events on until the stream breaks. The stream begins
// before the listing, so that no event is in neither.
func (h *host) watch(ctx context.Context, w Watcher) error {
	if isClosed(h.singleSession()) {
		return h.poll(ctx, w)
	}
	info, err := h.engine.info(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if single := h.singleSession(); single != nil {
		go func() {
			select {
			case <-single: // somebody waits for the one that the stream has
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	stream := h.engine.events(ctx, info.Now, h.ourLabel())
	list, err := h.engine.list(ctx, h.ourLabel())
	if err != nil {
		return err
	}
	var work errgroup.Group
	work.SetLimit(parallelEvents)
	defer work.Wait() // its functions return no errors
	work.Go(func() error { w.HandleListing(ctx, h.Name, list); return nil })
	for p := (pace{}); ; {
		e, err := stream.next()
		if err == nil {
			err = p.wait(ctx)
		}
		if err != nil {
			return err
		}
		e.Host = h.Name
		work.Go(func() error { w.HandleEvent(ctx, e); return nil })
	}
}

// A pace is how fast events are handled. The zero value is ready to use.
type pace struct {
	begun time.Time // the stretch
	n     int       // events in it
}

// wait returns when one more event may be handled.
func (p *pace) wait(ctx context.Context) error {
	now := time.Now()
	if now.Sub(p.begun) >= stretch {
		p.begun, p.n = now, 0
	}
	p.n++
	if p.n <= mostEvents {
		return nil
	}
	err := clock.Sleep(ctx, time.Until(p.begun.Add(stretch)))
	p.begun, p.n = time.Now(), 1
	return err
}

// singleSession returns what is closed when the host's sshd turns out to let us have
// one session only, and the engine is reached by it; nil if that cannot be.
func (h *host) singleSession() <-chan struct{} {
	if h.client == nil {
		return nil
	}
	conn, _ := h.client.established()
	if conn == nil || conn.way != byCommand {
		return nil
	}
	return conn.stdio.single
}

// poll tells w again and again which containers the host has. A stream of events
// would keep everything else from the only session.
func (h *host) poll(ctx context.Context, w Watcher) error {
	h.log.Info("containers are listed instead of events followed, sshd allows one session", "interval", pollInterval)
	for isClosed(h.singleSession()) {
		list, _, err := h.list(ctx)
		if err != nil {
			return err
		}
		w.HandleListing(ctx, h.Name, list)
		if err := clock.Sleep(ctx, pollInterval); err != nil {
			return err
		}
	}
	return nil
}

// watchWhileUp watches the host whenever it answers. A stream that breaks is often
// the first sign of a host that went down, so the host is checked then.
func (h *host) watchWhileUp(ctx context.Context, w Watcher) {
	h.firstCheck(ctx)
	for ctx.Err() == nil {
		if h.unresponsive() == nil {
			err := h.watch(ctx, w)
			h.log.DebugContext(ctx, "event stream ended", "err", err)
			h.checkHealth(ctx)
		}
		_ = clock.Sleep(ctx, minPause) // the loop looks at ctx itself
	}
}

// list returns all containers of ours, and the engine's time.
func (h *host) list(ctx context.Context) (list []Container, now time.Time, err error) {
	// The clock is read first: what is created meanwhile looks too young.
	err = h.call(ctx, func(ctx context.Context) error {
		info, err := h.engine.info(ctx)
		now = info.Now
		return err
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	err = h.call(ctx, func(ctx context.Context) error {
		list, err = h.engine.list(ctx, h.ourLabel())
		return err
	})
	return list, now, err
}
