package hosts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// A State says what is known of a host.
type State string

// The states of a host. A host whose state is not known is asked all the same.
const (
	Unknown     State = "unknown"     // not asked yet
	Unreachable State = "unreachable" // down: it does not answer
	Unusable    State = "unusable"    // down: it answers, but cannot take containers
	NoImage     State = "no image"    // it works, but the WRP image is not there
	Up          State = "up"          // takes containers
)

// IsDown reports whether the host has failed, in whatever way, and is not asked
// for containers until it was checked again.
func (s State) IsDown() bool { return s == Unreachable || s == Unusable }

// Status is what is known of a host at a moment.
type Status struct {
	Host   Host
	State  State
	Reason string    // why it takes no container, in words
	Since  time.Time // it is down, or else works
	NoTLS  string    // why it takes no TLS containers though it takes others, in words
}

func (h *host) status() Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := Status{Host: h.Host, State: h.state, Reason: h.reason, Since: h.since}
	switch {
	case h.TLS == nil:
		s.NoTLS = "no certificate"
	case h.noFiles:
		s.NoTLS = "certificate files missing"
	}
	if h.lacksImage() {
		s.State, s.Reason = NoImage, "image missing"
		if p := h.puller.progress(); p != "" {
			s.Reason = "image missing: " + p
		}
	}
	return s
}

// lacksImage reports whether the host works and only needs the image. h.mu is held.
func (h *host) lacksImage() bool { return h.state == Up && h.imageDir == "" }

func (h *host) needsImage() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lacksImage()
}

func (h *host) forgetImage() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.imageDir = ""
}

// setTLS notes whether the certificate files are there: not, if err is
// [ErrCertificate].
func (h *host) setTLS(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	missing := errors.Is(err, ErrCertificate)
	switch {
	case missing && !h.noFiles:
		h.log.Warn("certificate files missing", "err", err)
	case !missing && h.noFiles:
		h.log.Info("certificate files found")
	}
	h.noFiles = missing
}

// markUp notes what a host that works says of itself. An empty dir means that it
// has no image.
func (h *host) markUp(info engineInfo, dir string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if other, shared := h.engines.register(info.ID, h.Name); shared && h.id == "" {
		h.log.Warn("two hosts share one engine", "other", other)
	}
	h.id, h.imageDir = info.ID, dir
	if h.state == Up {
		if time.Since(h.since) > maxPause {
			h.pauses.Reset()
		}
		return
	}
	h.state, h.reason, h.since = Up, "", time.Now()
	h.log.Info("host up", "engine", info.Version, "image", dir != "")
}

// markDown notes that the host failed with err. It is left alone for a while
// then, longer each time.
func (h *host) markDown(ctx context.Context, err error) {
	if errors.Is(ctx.Err(), context.Canceled) {
		return // we were told to stop, the host did nothing wrong
	}
	if isBehind(ctx, err) || errors.Is(err, errBusy) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if h.state.IsDown() && now.Before(h.retryAt) {
		return // one failure seen by many requests
	}
	if !h.state.IsDown() {
		h.since = now
	}
	pause := h.pauses.NextBackOff()
	h.state, h.reason, h.retryAt = Unreachable, err.Error(), now.Add(pause)
	if isDefinite(err) {
		h.state = Unusable
	}
	select {
	case h.wentDown <- struct{}{}:
	default:
	}
	h.log.Warn("host down", "err", err, "retry_in", pause.Round(time.Millisecond))
}

// resetPauses makes the next pause a short one again. A container that started
// shows that the host does its work.
func (h *host) resetPauses() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pauses.Reset()
}

// down returns why the host takes no containers now, or nil.
func (h *host) down() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.downIn(Unreachable, Unusable)
}

// unresponsive returns why there is no point in asking the host anything now, or
// nil. An engine that cannot start containers may well be able to remove them.
func (h *host) unresponsive() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.downIn(Unreachable)
}

// downIn returns why the host is in one of the states, or nil if it is in none or
// may be tried again. h.mu is held.
func (h *host) downIn(states ...State) error {
	if !slices.Contains(states, h.state) || !time.Now().Before(h.retryAt) {
		return nil
	}
	return fmt.Errorf("%w since %s: %s", ErrUnreachable, h.since.UTC().Format(time.RFC3339), h.reason)
}

// engineOwners remembers which engine belongs to which host. Two hosts with one
// engine would each give it as many containers as it can bear.
type engineOwners struct {
	mu     sync.Mutex
	owners map[string]string
}

// register notes that host has the engine, and returns another host that has it.
func (e *engineOwners) register(engine, host string) (other string, shared bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	first, known := e.owners[engine]
	if !known {
		e.owners[engine] = host
	}
	return first, known && first != host
}
