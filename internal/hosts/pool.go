package hosts

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"path/filepath"
	"sync"
	"time"
)

// A Config says which hosts there are and how containers run on them.
type Config struct {
	Hosts      []Host
	DatabaseID string // labels our containers; those with another one are foreign
	Container  ContainerConfig
	KnownHosts KnownHosts

	// GatewayStartPort is the port of a host's first slot if clients come through
	// the gateway: a host whose SSH key does not let us through to that port and
	// the last one, of a slot or a spare one, takes no containers. 0: there is no
	// gateway.
	GatewayStartPort int
	SparePorts       int // above those of all slots

	MemoryReserve int64 // bytes of a host's memory that are for no container

	ConnectTimeout time.Duration // TCP and SSH login together; 0: 5 s
	ReadyTimeout   time.Duration // a started container may take this long to answer; 0: 5 s
	StopTimeout    time.Duration // between SIGTERM and SIGKILL; 0: 2 s
	ParallelStarts int           // containers that start at once on one host; 0: 4

	Log *slog.Logger
}

// A Pool is the set of container hosts. It is safe for concurrent use.
type Pool struct {
	cfg    *Config
	common *shared
	first  *firstChecks

	mu      sync.RWMutex     // guards what follows
	hosts   []*host          // in the configured order, then those that leave; replaced, never changed
	byName  map[string]*host // the same
	running *running         // nil: nobody looks after the hosts
	closed  bool
}

// A shared is what the hosts of a pool have in common.
type shared struct {
	keys    *hostKeys
	engines *engineOwners
	logins  *logins
	turns   *turns

	observer *observer
}

// New returns the pool of cfg's hosts. It connects to none of them.
func New(cfg Config) (*Pool, error) {
	cfg.complete()
	if cfg.KnownHosts.AcceptNew != "" {
		cfg.KnownHosts.AcceptNew = filepath.Clean(cfg.KnownHosts.AcceptNew)
	}
	p := &Pool{cfg: &cfg, byName: make(map[string]*host), first: newFirstChecks(cfg.ConnectTimeout)}
	p.common = &shared{
		keys:    &hostKeys{KnownHosts: cfg.KnownHosts, log: cfg.Log},
		engines: &engineOwners{owners: make(map[string]string)},
		logins:  newLogins(),
		turns:   newTurns(len(cfg.Hosts)),

		observer: &observer{},
	}
	for _, configured := range cfg.Hosts {
		h, err := newHost(configured, &cfg, p.common)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("host %s: %w", configured.Name, err), p.Close())
		}
		p.hosts = append(p.hosts, h)
		p.byName[h.Name] = h
	}
	return p, nil
}

// Close ends all connections. Containers keep running.
func (p *Pool) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.first.end()
	for _, h := range p.all() {
		h.close()
	}
	return nil
}

// CheckHealth asks every host once, in parallel, whether it can take containers.
// The answers are in [Pool.Status].
func (p *Pool) CheckHealth(ctx context.Context) {
	var wg sync.WaitGroup
	for _, h := range p.all() {
		wg.Go(func() { h.checkHealth(ctx) })
	}
	wg.Wait()
}

// Status returns what is known of every host, without asking any.
func (p *Pool) Status() []Status {
	all := p.all()
	list := make([]Status, len(all))
	for i, h := range all {
		list[i] = h.status()
	}
	return list
}

// Statuses is [Pool.Status] for those who look at each once: a copy of a thousand is
// much for one request.
func (p *Pool) Statuses() iter.Seq[Status] {
	return func(yield func(Status) bool) {
		for _, h := range p.all() {
			if !yield(h.status()) {
				return
			}
		}
	}
}

// StatusOf returns what is known of one host, or [ErrUnknownHost].
func (p *Pool) StatusOf(name string) (Status, error) {
	h, err := p.find(name)
	if err != nil {
		return Status{}, err
	}
	return h.status(), nil
}

// Len returns how many hosts there are.
func (p *Pool) Len() int { return len(p.all()) }

// onContainer calls do for the host of r. Its error says what was to be done to
// which container.
func (p *Pool) onContainer(verb string, r Ref, do func(*host) error) error {
	h, err := p.find(r.Host)
	if err != nil {
		return err
	}
	if err := do(h); err != nil {
		return fmt.Errorf("%s container %s: %w", verb, r, InWords(err))
	}
	return nil
}

// Create makes the container of s, not yet running, and returns its id. A
// container that is already there under the name and with the labels of s is
// the outcome of an earlier request whose answer was lost.
//
// The error is [ErrDown] if the host takes no containers at the moment, and
// [ErrUncertain] if the container may yet come into being.
func (p *Pool) Create(ctx context.Context, s Spec) (id string, err error) {
	err = p.onContainer("create", s.Ref, func(h *host) error {
		id, err = h.create(ctx, s)
		return err
	})
	return id, err
}

// Start starts a created container.
func (p *Pool) Start(ctx context.Context, r Ref) error {
	return p.onContainer("start", r, func(h *host) error { return h.start(ctx, r.ID) })
}

// Ready waits until the started container of s answers HTTP with its token, at
// most the ready timeout. One that runs but has not answered by then is taken
// for ready, unless it should have answered over TLS ([ErrCertificate]).
// It returns [ErrGone] if the container ended: see [Pool.ReportEnd].
func (p *Pool) Ready(ctx context.Context, s Spec) error {
	return p.onContainer("wait for", s.Ref, func(h *host) error { return h.awaitReady(ctx, s) })
}

// ReportEnd logs how the container of s ended, and its last words: it is removed soon. What
// a container writes may be of its client's pages. So this is for containers that nobody
// was given yet, for they have never been ready, and that nobody has stopped.
func (p *Pool) ReportEnd(ctx context.Context, s Spec) {
	if h, err := p.find(s.Host); err == nil {
		h.reportEnd(ctx, s, "container ended before it was ready")
	}
}

// Probe asks the running container of s once, as [Pool.Ready] does.
func (p *Pool) Probe(ctx context.Context, s Spec) error {
	return p.onContainer("ask", s.Ref, func(h *host) error { return h.probeOnce(ctx, s) })
}

// WarmUp has the started container of s draw its first page. That takes seconds,
// because the browser starts for it, and makes the next page come sooner.
func (p *Pool) WarmUp(ctx context.Context, s Spec) error {
	return p.onContainer("warm up", s.Ref, func(h *host) error { return h.getPage(ctx, s, warmUpPage) })
}

// Inspect returns the container, or [ErrGone] if the host says that it is not
// there or does not run.
func (p *Pool) Inspect(ctx context.Context, r Ref) (f Container, err error) {
	err = p.onContainer("inspect", r, func(h *host) error {
		f, err = h.inspect(ctx, r)
		return err
	})
	return f, err
}

// Pause suspends all processes of a container, which keeps its memory.
func (p *Pool) Pause(ctx context.Context, r Ref) error {
	return p.onContainer("pause", r, func(h *host) error {
		return h.call(ctx, func(ctx context.Context) error { return h.engine.pause(ctx, r.ID) })
	})
}

// Unpause lets a paused container go on; one that is not paused is fine.
func (p *Pool) Unpause(ctx context.Context, r Ref) error {
	return p.onContainer("unpause", r, func(h *host) error {
		return h.call(ctx, func(ctx context.Context) error { return h.engine.unpause(ctx, r.ID) })
	})
}

// Remove stops the container and removes it: SIGTERM, SIGKILL after the stop
// timeout. It returns nil only when the host confirmed that it is not there, and
// [ErrUnfinished] if the host works, but does not get this one done.
func (p *Pool) Remove(ctx context.Context, r Ref) error {
	return p.onContainer("remove", r, func(h *host) error { return h.remove(ctx, r, true) })
}

// ForceRemove is [Pool.Remove] for a container that served nobody: it is killed.
func (p *Pool) ForceRemove(ctx context.Context, r Ref) error {
	return p.onContainer("remove", r, func(h *host) error { return h.remove(ctx, r, false) })
}

// List returns all containers of ours on a host, running or not, and the
// host's own time.
func (p *Pool) List(ctx context.Context, name string) ([]Container, time.Time, error) {
	h, err := p.find(name)
	if err != nil {
		return nil, time.Time{}, err
	}
	list, now, err := h.list(ctx)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("list containers on %s: %w", name, InWords(err))
	}
	return list, now, nil
}
