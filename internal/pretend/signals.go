package pretend

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
)

const (
	sigTerm = syscall.SIGTERM
	sigKill = syscall.SIGKILL
)

// defaultGrace is how long an engine waits for a container to stop.
const defaultGrace = 10 * time.Second

// parseSignal reads the name or number of a signal. None is byDefault.
func parseSignal(text string, byDefault syscall.Signal) (syscall.Signal, error) {
	if text == "" {
		return byDefault, nil
	}
	if n, err := strconv.Atoi(text); err == nil && n > 0 && n < 65 {
		return syscall.Signal(n), nil
	}
	switch strings.TrimPrefix(strings.ToUpper(text), "SIG") {
	case "TERM":
		return sigTerm, nil
	case "KILL":
		return sigKill, nil
	case "INT":
		return syscall.SIGINT, nil
	case "HUP":
		return syscall.SIGHUP, nil
	case "QUIT":
		return syscall.SIGQUIT, nil
	}
	return 0, refuse(http.StatusBadRequest, "Invalid signal: %s", text)
}

// signal does to a running container what a signal does to WRP. e.mu is held.
func (e *engine) signal(c *instance, sig syscall.Signal) {
	e.emit(c, events.ActionKill, map[string]string{"signal": strconv.Itoa(int(sig))})
	if sig == sigKill {
		e.exit(c, 128+int(sig))
		return
	}
	if c.state == container.StatePaused {
		// The engine unpauses a container so that the signal reaches it.
		e.unpause(c)
	}
	if (sig == sigTerm || sig == syscall.SIGINT) && !e.ignoreSignals {
		e.exit(c, 0)
	}
}

// kill sends a signal to a running container.
func (e *engine) kill(ref, signal string) error {
	sig, err := parseSignal(signal, sigKill)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find(ref)
	if err != nil {
		return err
	}
	if !c.running() {
		return refuse(http.StatusConflict, "Cannot kill container: %s: Container %s is not running", ref, c.id)
	}
	e.signal(c, sig)
	return nil
}

// stopOptions say how to stop a container.
type stopOptions struct {
	signal string         // empty: the container's own, else SIGTERM
	grace  *time.Duration // nil: the container's own, else 10 s; negative: without end
}

// stop ends a container by its stop signal, and by SIGKILL after the grace.
func (e *engine) stop(ctx context.Context, ref string, opt stopOptions) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find(ref)
	if err != nil {
		return err
	}
	if opt.signal == "" {
		opt.signal = c.config.StopSignal
	}
	sig, err := parseSignal(opt.signal, sigTerm)
	if err != nil {
		return err
	}
	if !c.running() {
		return refuse(http.StatusNotModified, "")
	}
	run := c.exited
	e.signal(c, sig)
	if c.running() && c.exited == run {
		e.mu.Unlock()
		expired := awaitExit(ctx, run, c.grace(opt.grace))
		e.mu.Lock()
		if expired && c.running() && c.exited == run {
			e.signal(c, sigKill)
		}
	}
	e.emit(c, events.ActionStop, nil)
	return nil
}

// grace returns how long this container may take to stop.
func (c *instance) grace(asked *time.Duration) time.Duration {
	switch {
	case asked != nil:
		return *asked
	case c.config.StopTimeout != nil:
		return time.Duration(*c.config.StopTimeout) * time.Second
	}
	return defaultGrace
}

// awaitExit waits for the end of a run, at most the grace. It reports whether that
// was too short.
func awaitExit(ctx context.Context, run <-chan struct{}, grace time.Duration) bool {
	var expired <-chan time.Time
	if grace >= 0 {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case <-run:
		return false
	case <-expired:
		return true
	case <-ctx.Done():
		return false
	}
}

// setPaused pauses or unpauses a container.
func (e *engine) setPaused(ref string, paused bool) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find(ref)
	switch {
	case err != nil:
		return err
	case paused && !c.running():
		return refuse(http.StatusConflict, "Container %s is not running", c.id)
	case paused && c.state == container.StatePaused:
		return refuse(http.StatusConflict, "Container %s is already paused", c.id)
	case !paused && c.state != container.StatePaused:
		return refuse(http.StatusInternalServerError, "Container %s is not paused", c.id) // no conflict, in real ones
	case !paused:
		e.unpause(c)
		return nil
	}
	c.state = container.StatePaused
	c.pause.set(true)
	e.emit(c, events.ActionPause, nil)
	return nil
}

// unpause lets a paused container go on. e.mu is held.
func (e *engine) unpause(c *instance) {
	c.state = container.StateRunning
	c.pause.set(false)
	e.emit(c, events.ActionUnPause, nil)
}
