package hosts

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
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
	Host    Host
	State   State
	Reason  string    // why it takes no container, in words
	Since   time.Time // it is down, or else works
	NoTLS   string    // why it takes no TLS containers though it takes others, in words
	Leaving bool      // it is configured no more, and takes no new sessions
	Memory  int64     // for containers, in bytes; 0: not known
}

func (h *host) status() Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := Status{Host: h.withLimit(), Since: h.since, Leaving: h.leaving, Memory: h.forContainers()}
	s.State, s.Reason = h.condition()
	switch {
	case h.TLS == nil:
		s.NoTLS = "no certificate"
	case h.noFiles:
		s.NoTLS = "certificate files missing"
	}
	return s
}

// condition returns the host's state, and why it takes no containers. The host is
// what its connection and its engine are: without the one, nothing is known of the
// other. h.mu is held.
func (h *host) condition() (s State, reason string) {
	switch {
	case h.connectionFault.err != nil:
		return Unreachable, h.connectionFault.err.Error()
	case h.engineFault.err != nil && isDefinite(h.engineFault.err):
		return Unusable, h.engineFault.err.Error()
	case h.engineFault.err != nil:
		return Unreachable, h.engineFault.err.Error()
	case !h.checked:
		return Unknown, ""
	case h.image != imageInfo{}:
		return Up, ""
	}
	reason = "image missing: " + h.cfg.Container.Image
	if p := h.puller.progress(); p != "" {
		reason += "; " + p
	}
	return NoImage, reason
}

// isDown reports whether the host has failed. h.mu is held.
func (h *host) isDown() bool { return h.connectionFault.err != nil || h.engineFault.err != nil }

func (h *host) needsImage() bool { return h.status().State == NoImage }

func (h *host) forgetImage() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.image = imageInfo{}
}

// setImage notes which image has the configured name. h.mu is held.
func (h *host) setImage(image imageInfo) {
	if h.image.id != "" && image.id != "" && h.image.id != image.id {
		h.log.Info("image changed; new containers get it", "image", h.cfg.Container.Image)
	}
	h.image = image
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

// markUp notes what a host that works says of itself and of its image, if it has one.
func (h *host) markUp(info engineInfo, image imageInfo) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if other, shared := h.engines.register(info.ID, h.Name); shared && h.id == "" {
		h.log.Warn("two hosts share one engine", "other", other)
	}
	h.id, h.memory = info.ID, info.Memory
	h.setImage(image)
	if h.checked && !h.isDown() {
		if time.Since(h.since) > maxPause {
			h.resetPauses()
		}
		return
	}
	h.connectionFault.clear()
	h.engineFault.clear()
	h.checked, h.since = true, time.Now()
	h.trouble.Over()
	h.tellObserver()
	h.log.Info("host up", "engine", info.Version, "image", image.id != "")
}

// markDown notes that the host failed with err: its connection, if there is none
// now, or else its engine. That is left alone for a while then, longer each time.
// Nothing is noted if ctx has ended: whoever asked was told to stop, or had no time to
// wait for the answer, and the host did nothing wrong.
func (h *host) markDown(ctx context.Context, err error) {
	if ctx.Err() != nil || isBehind(ctx, err) || errors.Is(err, ErrBusy) || errors.Is(err, errLateSession) {
		return
	}
	connected := h.isConnected()
	err = InWords(err)
	h.mu.Lock()
	defer h.mu.Unlock()
	f := &h.connectionFault
	if connected || isDefinite(err) {
		h.connectionFault.clear()
		f = &h.engineFault
	}
	if f.isFresh() && isDefinite(f.err) == isDefinite(err) {
		return // one failure seen by many requests
	}
	wasUp := !h.isDown()
	if wasUp {
		h.since = time.Now()
	}
	pause := f.note(err)
	select {
	case h.wentDown <- struct{}{}:
	default:
	}
	isNews := h.trouble.Due(err)
	if wasUp || isNews {
		h.tellObserver()
	}
	if isNews {
		h.log.Warn("host down", "err", err, "retry_in", pause.Round(time.Millisecond))
	}
}

// containerStarted makes the next pause a short one again: the host does its work.
func (h *host) containerStarted() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.resetPauses()
}

// resetPauses makes the next pause a short one again. h.mu is held.
func (h *host) resetPauses() {
	h.connectionFault.pauses.Reset()
	h.engineFault.pauses.Reset()
}

// down returns [ErrDown] with the reason if the host takes no containers now, or nil.
func (h *host) down() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.connectionFault.bars() || h.engineFault.bars() {
		return h.because(ErrDown)
	}
	return nil
}

// unconnected returns [ErrUnreachable] with the reason if there is no connection to
// the host, and no point in trying for one now, or nil.
func (h *host) unconnected() error {
	if h.isConnected() {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.connectionFault.bars() {
		return h.because(ErrUnreachable)
	}
	return nil
}

// unresponsive returns [ErrUnreachable] with the reason if there is no point in asking
// the host's engine anything now, or nil. An engine that cannot start containers may
// well be able to remove them.
func (h *host) unresponsive() error {
	if err := h.unconnected(); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.isSilent() && h.engineFault.bars() {
		return h.because(ErrUnreachable)
	}
	return nil
}

// admit is [host.unresponsive] for one who asks now: of an engine that did not answer,
// and may be asked again, the first one finds out for all others whether it answers.
func (h *host) admit() error {
	if err := h.unresponsive(); err != nil {
		return err
	}
	h.beginTrial()
	return nil
}

// beginTrial has nobody else ask an engine that did not answer, until that is decided.
func (h *host) beginTrial() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.isSilent() {
		h.engineFault.trialUntil = time.Now().Add(slowAfter + h.cfg.ConnectTimeout)
	}
}

// isSilent reports whether the engine did not answer, and has not since. h.mu is held.
func (h *host) isSilent() bool {
	f := &h.engineFault
	return f.err != nil && !isDefinite(f.err) && !h.engine.answeredSince(f.failed)
}

// because returns kind, and what is wrong with the host. h.mu is held.
func (h *host) because(kind error) error {
	_, reason := h.condition()
	reason = strings.TrimPrefix(reason, kind.Error()+": ") // once is enough
	return fmt.Errorf("%w since %s: %s", kind, h.since.UTC().Format(time.RFC3339), reason)
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
		maps.DeleteFunc(e.owners, func(_, owner string) bool { return owner == host }) // it had another name
		e.owners[engine] = host
	}
	return first, known && first != host
}
