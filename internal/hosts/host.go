package hosts

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"wrpdistributor/internal/clock"
)

const (
	callTimeout   = 10 * time.Second // of a Docker call that takes milliseconds
	checkInterval = 10 * time.Second
	minPause      = time.Second
	maxPause      = 30 * time.Second
)

// A host is one host of the pool, with what is known of it.
type host struct {
	Host
	cfg     *Config
	client  *sshClient // nil: this machine
	engine  *engine
	starts  chan struct{} // one place per container that starts
	log     *slog.Logger
	probe   prober
	puller  puller
	engines *engineOwners

	wentDown chan struct{} // tells run, which checks the host again after the pause

	mu       sync.Mutex
	state    State // NoImage is told by dir instead
	reason   string
	since    time.Time
	retryAt  time.Time // when a host that is down may be tried again
	pauses   *backoff.ExponentialBackOff
	imageDir string // the image's working directory; empty: no image
	noFiles  bool   // of the certificate
	id       string // the engine's own

	openNetwork sync.Once // says that containers reach each other
}

func newHost(configured Host, cfg *Config, engines *engineOwners) (*host, error) {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = minPause, maxPause
	h := &host{
		Host:     configured,
		cfg:      cfg,
		starts:   make(chan struct{}, cfg.ParallelStarts),
		log:      cfg.Log.With("host", configured.Name),
		state:    Unknown,
		since:    time.Now(),
		pauses:   pauses,
		engines:  engines,
		wentDown: make(chan struct{}, 1),
	}
	dial := dialLocal
	if h.SSH != nil {
		h.client = newSSHClient(configured, cfg, h.log)
		dial = h.client.dialDocker
	}
	var err error
	h.engine, err = newEngine(dial)
	return h, err
}

func newSSHClient(h Host, cfg *Config, log *slog.Logger) *sshClient {
	c := &sshClient{target: *h.SSH, keys: &hostKeys{cfg.KnownHosts}, log: log, timeout: cfg.ConnectTimeout}
	if first := cfg.GatewayStartPort; first > 0 {
		c.required.configured = []int{first, first + h.Max - 1}
	}
	return c
}

func dialLocal(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", dockerSocket)
}

func (h *host) close() {
	h.engine.close()
	if h.client != nil {
		h.client.close()
	}
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
	if h.state.IsDown() {
		return max(time.Until(h.retryAt), minPause/10)
	}
	return checkInterval
}

// checkHealth asks the host who it is and whether it has network and image.
func (h *host) checkHealth(ctx context.Context) {
	ctx, cancel := h.patience(ctx, h.cfg.ConnectTimeout)
	defer cancel()
	info, dir, err := h.examine(ctx)
	if err != nil {
		h.markDown(ctx, err)
		return
	}
	h.markUp(info, dir)
}

// examine returns what the engine says of itself, and the image's working
// directory; none if there is no image.
func (h *host) examine(ctx context.Context) (engineInfo, string, error) {
	if err := h.ensureConnected(ctx); err != nil {
		return engineInfo{}, "", err
	}
	if err := h.canForward(ctx); err != nil {
		if h.down() == nil {
			h.client.drop() // what the key allows now shows at the next login
		}
		return engineInfo{}, "", err
	}
	if err := h.engine.ping(ctx); err != nil {
		return engineInfo{}, "", err
	}
	info, err := h.engine.info(ctx)
	if err != nil {
		return engineInfo{}, "", err
	}
	if err := h.ensureNetwork(ctx); err != nil {
		return engineInfo{}, "", err
	}
	dir, err := h.engine.imageDir(ctx, h.cfg.Container.Image)
	if errors.Is(err, ErrImageMissing) {
		err = nil
	}
	if err == nil {
		err = h.examineTLS(ctx)
	}
	return info, dir, err
}

// examineTLS finds out whether the host has its certificate files.
func (h *host) examineTLS(ctx context.Context) error {
	if h.TLS == nil {
		return nil
	}
	err := h.engine.checkCertificate(ctx, h.TLS)
	if err != nil && !errors.Is(err, ErrCertificate) {
		return err
	}
	h.setTLS(err)
	return nil
}

// ensureConnected makes sure that there is a connection. After it, an error of a
// Docker call without an answer means that the call may have been carried out.
func (h *host) ensureConnected(ctx context.Context) error {
	if h.client == nil {
		return nil
	}
	_, err := h.client.connection(ctx)
	return err
}
