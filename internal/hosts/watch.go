package hosts

import (
	"context"

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

const parallelEvents = 4 // of one host, handled at once

// watch passes the host's events on until the stream breaks. The stream begins
// before the listing, so that no event is in neither.
func (h *host) watch(ctx context.Context, w Watcher) error {
	info, err := h.engine.info(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events, broken := h.engine.events(ctx, info.Now, h.ourLabel())
	list, err := h.engine.list(ctx, h.ourLabel())
	if err != nil {
		return err
	}
	var work errgroup.Group
	work.SetLimit(parallelEvents)
	defer work.Wait() // its functions return no errors
	work.Go(func() error { w.HandleListing(ctx, h.Name, list); return nil })
	for {
		select {
		case e := <-events:
			e.Host = h.Name
			work.Go(func() error { w.HandleEvent(ctx, e); return nil })
		case err := <-broken:
			return err
		}
	}
}

// watchWhileUp watches the host whenever it answers. A stream that breaks is often
// the first sign of a host that went down, so the host is checked then.
func (h *host) watchWhileUp(ctx context.Context, w Watcher) {
	for ctx.Err() == nil {
		if h.unresponsive() == nil {
			err := h.watch(ctx, w)
			h.log.DebugContext(ctx, "event stream ended", "err", err)
			h.checkHealth(ctx)
		}
		_ = clock.Sleep(ctx, minPause) // the loop looks at ctx itself
	}
}
