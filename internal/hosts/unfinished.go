package hosts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wrpdistributor/internal/clock"
)

// slowAfter is how long a request may take before the engine is asked whether it
// answers at all.
const slowAfter = 500 * time.Millisecond

// ask makes a request to the host's engine, once more if the connection broke. If the
// time is up, but the engine answers other requests, it returns [ErrUnfinished]: one
// container that hangs says nothing against its host. Where the link was behind, others'
// answers say nothing about the engine.
func (h *host) ask(ctx context.Context, request func(context.Context) error) error {
	begun := time.Now()
	defer h.doubt(ctx)()
	err := request(ctx)
	if isVersionError(err) && h.engine.ping(ctx) == nil {
		err = request(ctx)
	}
	if err != nil && !isCertain(err) && ctx.Err() == nil {
		err = outcome(err, request(ctx)) // over a new connection, if the old one broke unnoticed
	}
	if err == nil || isCertain(err) || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return err
	}
	switch {
	case wasMostlyBehind(ctx, err):
		return &slowLinkError{err}
	case !h.engine.answeredSince(begun.Add(time.Since(begun) / 2)):
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnfinished, err)
}

// doubt has the engine pinged now and then, for as long as a request takes that takes
// long. The request is over when settled is called.
func (h *host) doubt(ctx context.Context) (settled func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for clock.Sleep(ctx, slowAfter) == nil {
			h.ping()
		}
	}()
	return func() { cancel(); <-ended }
}

// ping begins to ask the engine for a sign of life, unless that is under way. An engine
// that gives none in the time that a login may take is down, whatever those who wait
// for it can wait for.
func (h *host) ping() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pinging || h.alive.Err() != nil {
		return
	}
	h.pinging = true
	h.tasks.Go(func() {
		begun := time.Now()
		ctx, cancel := h.patience(h.alive, h.cfg.ConnectTimeout)
		defer cancel()
		err := h.engine.ping(ctx)
		if err != nil && !h.engine.answeredSince(begun) && !isBehind(ctx, err) {
			h.markDown(h.alive, h.judgeBusy(ctx, begun, err))
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.pinging = false
	})
}

// endTasks ends what was begun in the background, and waits for it.
func (h *host) endTasks() {
	h.mu.Lock()
	h.abort()
	h.mu.Unlock()
	h.tasks.Wait()
}
