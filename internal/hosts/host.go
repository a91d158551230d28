package hosts

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"wrpdistributor/internal/clock"
	"wrpdistributor/internal/reminder"
)

const (
	callTimeout = 10 * time.Second // of a Docker call that takes milliseconds
	minPause    = time.Second
	maxPause    = 30 * time.Second
)

// complete puts defaults in the place of what is not set.
func (c *Config) complete() {
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, 5*time.Second)
	c.ReadyTimeout = cmp.Or(c.ReadyTimeout, 5*time.Second)
	c.StopTimeout = cmp.Or(c.StopTimeout, 2*time.Second)
	c.ParallelStarts = cmp.Or(c.ParallelStarts, 4)
}

// A host is one host of the pool, with what is known of it.
type host struct {
	Host
	cfg      *Config
	client   *sshClient // nil: this machine
	engine   *engine
	starts   chan struct{} // one place per container that starts
	log      *slog.Logger
	probe    prober
	puller   puller
	engines  *engineOwners
	first    chan struct{} // a place for who makes the first check
	observer *observer
	turn     func() time.Duration // until the next check of a host that works

	wentDown chan struct{} // tells run, which checks the host again after the pause
	recheck  chan struct{} // tells run to check it at once

	stop  context.CancelFunc // ends the loops; nil: none run
	loops sync.WaitGroup

	tasks sync.WaitGroup
	alive context.Context // done when the tasks are to end
	abort context.CancelFunc

	mu              sync.Mutex // guards what follows, and all of Host but its name and whether it has SSH
	leaving         bool       // it is configured no more
	connectionFault fault
	engineFault     fault
	checked         bool      // it has worked once
	since           time.Time // it is down, or else works
	image           imageInfo // as the last check found it
	noFiles         bool      // of the certificate
	id              string    // the engine's own
	memory          int64     // of the machine, as its engine last said
	pinging         bool      // see ping
	trouble         reminder.Trouble
	networkRefusal  error // why the engine did not make our network; nil: it is there

	openNetwork sync.Once // says that containers reach each other
}

func newHost(configured Host, cfg *Config, shared *shared) (*host, error) {
	h := &host{
		Host:     configured,
		cfg:      cfg,
		starts:   make(chan struct{}, cfg.ParallelStarts),
		log:      cfg.Log.With("host", configured.Name),
		since:    time.Now(),
		engines:  shared.engines,
		observer: shared.observer,
		first:    make(chan struct{}, 1),
		turn:     shared.turns.next(),
		wentDown: make(chan struct{}, 1),
		recheck:  make(chan struct{}, 1),

		connectionFault: newFault(),
		engineFault:     newFault(),
	}
	h.alive, h.abort = context.WithCancel(context.Background())
	dial := dialLocal
	if h.SSH != nil {
		h.client = newSSHClient(configured, cfg, shared, h.log)
		dial = h.client.dialDocker
	}
	var err error
	h.engine, err = newEngine(dial)
	return h, err
}

func newSSHClient(h Host, cfg *Config, shared *shared, log *slog.Logger) *sshClient {
	c := &sshClient{target: *h.SSH, keys: shared.keys, logins: shared.logins, log: log, timeout: cfg.ConnectTimeout}
	c.required.configured = cfg.requiredPorts(h)
	return c
}

// requiredPorts returns the first and the last port that a gateway may need on a host.
func (c *Config) requiredPorts(h Host) []int {
	if c.GatewayStartPort == 0 {
		return nil
	}
	return []int{c.GatewayStartPort, c.GatewayStartPort + h.Max + c.SparePorts - 1}
}

func dialLocal(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "unix", dockerSocket)
	if err != nil {
		return nil, explainSocket(err)
	}
	return nc, nil
}

func (h *host) close() {
	h.endTasks()
	h.engine.close()
	if h.client != nil {
		h.client.close()
	}
}

// run keeps looking at the host. A host that is down is tried after growing
// pauses.
func (h *host) run(ctx context.Context) {
	defer h.puller.wait()
	for check := h.firstCheck; ; check = h.checkHealth {
		check(ctx)
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
		case <-h.recheck:
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
	switch {
	case h.connectionFault.err != nil:
		return max(time.Until(h.connectionFault.retryAt), minPause/10)
	case h.engineFault.err != nil:
		return max(time.Until(h.engineFault.retryAt), minPause/10)
	}
	return h.turn()
}

// checkHealth asks the host who it is and whether it has network and image.
func (h *host) checkHealth(ctx context.Context) {
	h.beginTrial()
	begun := time.Now()
	limited, cancel := h.patience(ctx, h.cfg.ConnectTimeout)
	defer cancel()
	info, image, err := h.examine(limited)
	switch {
	case err == nil:
		h.markUp(info, image)
	case !isBehind(limited, err):
		h.markDown(ctx, h.judgeBusy(limited, begun, err))
	}
}

// examine returns what the engine says of itself and of the image, if there is one.
func (h *host) examine(ctx context.Context) (engineInfo, imageInfo, error) {
	if err := h.ensureWays(ctx); err != nil {
		return engineInfo{}, imageInfo{}, err
	}
	if err := h.engine.ping(ctx); err != nil {
		return engineInfo{}, imageInfo{}, err
	}
	info, err := h.engine.info(ctx)
	if err != nil {
		return engineInfo{}, imageInfo{}, err
	}
	if err := h.fits(info.Memory); err != nil {
		return engineInfo{}, imageInfo{}, err
	}
	if err := h.ensureNetwork(ctx); err != nil {
		return engineInfo{}, imageInfo{}, err
	}
	if err := h.canPublish(); err != nil {
		return engineInfo{}, imageInfo{}, err
	}
	image, err := h.engine.image(ctx, h.cfg.Container.Image)
	if errors.Is(err, ErrImageMissing) {
		err = nil
	}
	if err == nil {
		err = h.examineTLS(ctx)
	}
	return info, image, err
}

// examineTLS finds out whether the host has its certificate files.
func (h *host) examineTLS(ctx context.Context) error {
	files := h.configured().TLS
	if files == nil {
		return nil
	}
	err := h.engine.checkCertificate(ctx, files)
	if err != nil && !errors.Is(err, ErrCertificate) {
		return err
	}
	h.setTLS(err)
	return nil
}

// ensureConnected makes sure that there is a connection, and a way to the engine. After
// it, an error of a Docker call without an answer means that the call may have been
// carried out.
func (h *host) ensureConnected(ctx context.Context) error {
	if h.client == nil {
		return nil
	}
	conn, err := h.client.connection(ctx)
	if err != nil {
		return err
	}
	return conn.noWay
}

// isConnected reports whether there is a connection. To this machine there always is.
func (h *host) isConnected() bool {
	if h.client == nil {
		return true
	}
	conn, _ := h.client.established()
	return conn != nil
}

// ensureWays makes sure that the connection leads wherever it has to. What an older one
// is known to lack may have come since, but shows at a login only.
func (h *host) ensureWays(ctx context.Context) error {
	hadOne := h.client != nil && h.isConnected()
	err := h.checkWays(ctx)
	if err == nil || !hadOne || !h.isConnected() || h.client.renew(ctx) != nil {
		return err
	}
	return h.checkWays(ctx)
}

// checkWays returns why the connection does not lead to the engine or, if there is a
// gateway, to containers.
func (h *host) checkWays(ctx context.Context) error {
	if err := h.ensureConnected(ctx); err != nil {
		return err
	}
	return h.canForward(ctx)
}
