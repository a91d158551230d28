package hosts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"wrpdistributor/internal/clock"
)

// A State says what is known of a host.
type State string

const (
	Unknown State = "unknown" // not asked yet
	Up      State = "up"      // takes containers
	Down    State = "down"    // put aside, for the reason given
)

// Status is what is known of a host at a moment.
type Status struct {
	Host   Host
	State  State
	Reason string    // why it takes no container, in words
	Since  time.Time // of this state
	Image  bool      // the WRP image is there

	// Reachable tells a host that is down for want of the image from one that
	// does not work.
	Reachable bool
}

const (
	callTimeout   = 10 * time.Second // of a Docker call that takes milliseconds
	checkInterval = 10 * time.Second
	minPause      = time.Second
	maxPause      = 30 * time.Second
)

// A host is one member of the pool.
type host struct {
	Host
	cfg    *Config
	client *sshClient // nil: this machine
	engine *engine
	starts chan struct{} // one place per container that starts
	log    *slog.Logger
	probe  prober
	puller puller

	engines  *engineOwners
	wentDown chan struct{} // wakes run, which brings the host back

	mu      sync.Mutex
	state   State
	reason  string
	since   time.Time
	retryAt time.Time // when a host that is down may be tried again
	silent  bool      // it is down because it did not answer
	pauses  *backoff.ExponentialBackOff
	dir     string // the image's working directory; empty: no image
	id      string // the engine's own
}

func newHost(h Host, cfg *Config, engines *engineOwners) (*host, error) {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = minPause, maxPause
	m := &host{
		Host:   h,
		cfg:    cfg,
		starts: make(chan struct{}, cfg.ParallelStarts),
		log:    cfg.Log.With("host", h.Name),
		state:  Unknown,
		since:  time.Now(),
		pauses: pauses,

		engines:  engines,
		wentDown: make(chan struct{}, 1),
	}
	dial := dialLocal
	if h.SSH != nil {
		m.client = &sshClient{target: *h.SSH, keys: &hostKeys{cfg.KnownHosts}, timeout: cfg.ConnectTimeout}
		if cfg.GatewayStartPort > 0 {
			m.client.required.configured = []int{cfg.GatewayStartPort, cfg.GatewayStartPort + h.Max - 1}
		}
		dial = m.client.dialDocker
	}
	var err error
	m.engine, err = newEngine(dial)
	return m, err
}

func dialLocal(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", dockerSocket)
}

func (h *host) close() error {
	err := h.engine.close()
	if h.client != nil {
		h.client.close()
	}
	return err
}

func (h *host) status() Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := Status{Host: h.Host, State: h.state, Reason: h.reason, Since: h.since, Image: h.dir != "", Reachable: h.state == Up}
	if h.state == Up && h.dir == "" {
		s.State, s.Reason = Down, "image missing"
		if p := h.puller.progress(); p != "" {
			s.Reason = "image missing: " + p
		}
	}
	return s
}

// run keeps looking at the host. A host that is down is tried after growing
// pauses.
func (h *host) run(ctx context.Context) {
	defer h.puller.wait()
	for {
		h.checkHealth(ctx)
		if h.needsImage() {
			h.puller.start(ctx, h)
		}
		timer := time.NewTimer(h.untilNextCheck())
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-h.puller.finished():
			timer.Stop()
		case <-h.wentDown:
			timer.Stop()
			_ = clock.Sleep(ctx, h.untilNextCheck()) // the loop looks at ctx itself
		case <-timer.C:
		}
	}
}

func (h *host) untilNextCheck() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state == Down {
		return max(time.Until(h.retryAt), minPause/10)
	}
	return checkInterval
}

func (h *host) needsImage() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state == Up && h.dir == ""
}

// checkHealth asks the host who it is and whether it has the image.
func (h *host) checkHealth(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.ConnectTimeout)
	defer cancel()
	if err := h.ensureConnected(ctx); err != nil {
		h.markDown(ctx, err)
		return
	}
	if err := h.canForward(ctx); err != nil {
		if h.down() == nil {
			h.client.drop() // what the key allows now shows at the next login
		}
		h.markDown(ctx, err)
		return
	}
	info, err := h.engine.info(ctx)
	if err != nil {
		h.markDown(ctx, err)
		return
	}
	dir, err := h.engine.imageDir(ctx, h.cfg.Container.Image)
	if err != nil && !errors.Is(err, ErrImageMissing) {
		h.markDown(ctx, err)
		return
	}
	h.markUp(info, dir)
}

// ensureConnected makes sure that there is a connection. After it, an error of a Docker
// call without an answer means that the call may have been carried out.
func (h *host) ensureConnected(ctx context.Context) error {
	if h.client == nil {
		return nil
	}
	_, err := h.client.connection(ctx)
	return err
}

func (h *host) markUp(info engineInfo, dir string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if other, shared := h.engines.register(info.ID, h.Name); shared && h.id == "" {
		h.log.Warn("two hosts are one engine, which may get the containers of both", "other", other)
	}
	h.id, h.dir = info.ID, dir
	if h.state == Up {
		if time.Since(h.since) > maxPause {
			h.pauses.Reset()
		}
		return
	}
	h.state, h.reason, h.since = Up, "", time.Now()
	h.log.Info("host is up", "engine", info.Version, "image", dir != "")
}

// markDown puts the host aside for a while, longer each time.
func (h *host) markDown(ctx context.Context, err error) {
	if errors.Is(ctx.Err(), context.Canceled) {
		return // we were told to stop, the host did nothing wrong
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if h.state == Down && now.Before(h.retryAt) {
		return // one failure seen by many requests
	}
	if h.state != Down {
		h.since = now
	}
	pause := h.pauses.NextBackOff()
	h.state, h.reason, h.retryAt, h.silent = Down, err.Error(), now.Add(pause), !isDefinite(err)
	select {
	case h.wentDown <- struct{}{}:
	default:
	}
	h.log.Warn("host is put aside", "err", err, "for", pause.Round(time.Millisecond))
}

// resetPauses makes the next pause a short one again: the host does its real work.
func (h *host) resetPauses() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pauses.Reset()
}

// down returns why the host is put aside, or nil.
func (h *host) down() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state == Down && time.Now().Before(h.retryAt) {
		return fmt.Errorf("%w since %s: %s", ErrUnreachable, h.since.UTC().Format(time.RFC3339), h.reason)
	}
	return nil
}

// unresponsive returns why there is no point in asking the host anything, or nil. An
// engine that cannot start containers may well be able to remove them.
func (h *host) unresponsive() error {
	err := h.down()
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil && h.silent {
		return err
	}
	return nil
}
