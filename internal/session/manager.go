package session

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"sync"
	"time"

	"wrpdistributor/internal/clock"
	"wrpdistributor/internal/hosts"
)

const startPoll = 100 * time.Millisecond // while another request starts the client's session

// limits say how long a manager waits for what may not come.
type limits struct {
	inspect  time.Duration // a look at a running container, while its client waits
	probe    time.Duration // the answer of a warm container, while its client waits
	creation time.Duration // the container of a warm-up that a client took over
	evict    time.Duration // the slot of a container that never had a client
	rollback time.Duration // the host, and then the database, after a start failed
	database time.Duration // all that one request asks the database
}

func defaultLimits() limits {
	return limits{
		inspect:  2 * time.Second,
		probe:    time.Second,
		creation: 2 * time.Second,
		evict:    10 * time.Second,
		rollback: 3 * time.Second,
		database: 10 * time.Second,
	}
}

// A Config holds what a [Manager] needs. All fields are required, but SparePorts,
// Gateway and GatewayTLS.
type Config struct {
	Store      *Store
	Pool       *hosts.Pool
	DatabaseID string // part of the containers' names
	Strategy   hosts.Strategy
	StartPort  int // of the first slot of every host
	SparePorts int // above those of all slots, used while foreign processes hold one
	Log        *slog.Logger

	// Gateway makes new sessions gateway sessions: clients reach them through gateways
	// only, which serve TLS if GatewayTLS is set.
	Gateway, GatewayTLS bool

	Process string // the id of this process among those that work with the database
}

// A Manager allocates sessions. It is safe for concurrent use.
type Manager struct {
	cfg         Config
	begun       time.Time
	store       *Store
	pool        *hosts.Pool
	log         *slog.Logger
	limits      limits
	foreign     foreignPorts
	skipped     highest // id of a container from before the database was restored
	drained     drainedHostsSeen
	eventLines  eventLines
	observer    Observer // nil: there is none
	allocations allocations
	touches     touchWriter
	overview    shared[*Overview]
	waiting     shared[[]Session] // for clients
	takings     takings
	metrics     *metrics
	streaks     streaks

	starters starters
	starts   sync.WaitGroup
	alive    context.Context // done when starts are to be cut off
	abort    context.CancelFunc
}

// An Observer is told which gateway sessions start and stop, and of containers that
// died. Its methods are called by several goroutines at once.
type Observer interface {
	// Started is told of a session that begins to run.
	Started(s *Session)

	// Stopping is told of a session whose container is about to be removed, and
	// returns when no request for it is under way, or when that takes too long.
	Stopping(ctx context.Context, id int64)

	// Died is told of a container that does not run any more, whatever the database
	// says of its session, or whether it can be asked.
	Died(id int64, containerID string)
}

// NewManager returns a manager. Close it to end what it has under way.
func NewManager(cfg Config) *Manager {
	m := &Manager{cfg: cfg, begun: time.Now(), store: cfg.Store, pool: cfg.Pool, log: cfg.Log, limits: defaultLimits(), metrics: newMetrics(cfg.Pool)}
	m.alive, m.abort = context.WithCancel(context.Background())
	m.touches.store, m.touches.alive = m.store, m.alive
	m.overview.ask, m.overview.changes = m.takeOverview, m.store.changes.Load
	m.overview.age, m.overview.pause = censusAge, censusPause
	m.waiting.ask, m.waiting.changes, m.waiting.age = m.store.Waiting, m.store.arrivals.Load, waitingAge
	return m
}

// SetObserver names the observer of this process. It must be called before
// anything else.
func (m *Manager) SetObserver(o Observer) { m.observer = o }

// Close cuts off the starts that are under way and waits for their rollback. A
// rollback that takes too long is left to the reaper. Sessions keep running.
func (m *Manager) Close() {
	m.abort()
	m.store.errands.close()
	m.starts.Wait()
	m.store.claims.wait(m.limits.rollback)
	m.touches.tasks.Wait()
	m.overview.tasks.Wait()
	m.waiting.tasks.Wait()
}

// untilClosed returns a context that ends with ctx or with the manager.
func (m *Manager) untilClosed(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(m.alive, cancel)
	return ctx, func() { stop(); cancel() }
}

// working returns a context for what several requests share.
func (m *Manager) working() context.Context { return m.withBudget(m.alive) }

// withBudget bounds what one request waits for the database.
func (m *Manager) withBudget(ctx context.Context) context.Context {
	return withBudget(ctx, m.limits.database)
}

// Allocate returns the client's session, and whether it was started just now.
// The work goes on if ctx ends: a client that hung up is told nothing, but what
// was begun is finished.
//
// Errors: a [FullError], a [TooManyError], [ErrNoTLS], [ErrStopped], or the database's.
func (m *Manager) Allocate(ctx context.Context, c Client, tls bool) (s *Session, fresh bool, err error) {
	ctx, cancel := m.untilClosed(m.withBudget(context.WithoutCancel(ctx)))
	defer cancel()
	m.starts.Add(1)
	defer m.starts.Done()
	defer m.starters.begin()()
	a := m.allocations.begin(c)
	defer a.end()
	defer func() { m.noteOutcome(ctx, c, s, fresh, err) }()
	for {
		s, err := m.store.ByIdentity(ctx, c.identity())
		switch {
		case errors.Is(err, ErrNotFound) && a.isCalledOff():
			return nil, false, ErrStopped
		case errors.Is(err, ErrNotFound):
			s, err := m.startNew(ctx, a, c, tls)
			if errors.Is(err, errTaken) {
				continue
			}
			return s, true, err
		case err != nil:
			return nil, false, err
		}
		if usable, err := m.resume(ctx, c, s); usable || err != nil {
			return s, false, err
		}
	}
}

// resume reports whether s can be given to its client. If not, the caller looks
// again: s is about to run, or its container is gone and s is not the client's any
// more.
func (m *Manager) resume(ctx context.Context, c Client, s *Session) (bool, error) {
	switch {
	case s.State == Running && s.Gateway && !m.hasGateway(s.TLS):
		return m.resumeElsewhere(ctx, c, s)
	case s.State == Running:
		return m.touchAndInspect(ctx, c, s)
	case s.startUnderWay() && s.Overdue:
		_, err := m.Repair(ctx, s)
		return false, ignoreUnfinished(err)
	}
	return false, clock.Sleep(ctx, startPoll)
}

// touchAndInspect touches a running session and reports whether it can be given to its
// client. A host that cannot be asked is no reason against it. If the container is
// gone the session is stopped.
func (m *Manager) touchAndInspect(ctx context.Context, c Client, s *Session) (bool, error) {
	if ok, err := m.touches.touch(ctx, touchKey{identity: string(c.identity())}); !ok || err != nil {
		return false, err
	}
	inspecting, cancel := context.WithTimeout(ctx, m.limits.inspect)
	defer cancel()
	_, err := m.pool.Inspect(inspecting, m.ref(s))
	if !errors.Is(err, hosts.ErrGone) {
		return true, nil
	}
	_, err = m.stop(ctx, s, containerGone)
	return false, ignoreUnfinished(err)
}

// ignoreUnfinished drops errors after which the reaper goes on: the session is
// being stopped, and its client is free of it.
func ignoreUnfinished(err error) error {
	for _, e := range []error{ErrPending, hosts.ErrUnfinished, hosts.ErrUnreachable, hosts.ErrUnknownHost} {
		if errors.Is(err, e) {
			return nil
		}
	}
	return err
}

// Touch records that the client's session is used, also if ctx ends: a client that
// hung up has used it. It returns [ErrNotFound] if the client has none that runs.
func (m *Manager) Touch(ctx context.Context, c Client) error {
	ok, err := m.touches.touch(m.withBudget(context.WithoutCancel(ctx)), touchKey{identity: string(c.identity())})
	if err == nil && !ok {
		err = ErrNotFound
	}
	return err
}

func (m *Manager) ref(s *Session) hosts.Ref { return s.ref(m.cfg.DatabaseID) }

func (m *Manager) spec(s *Session) hosts.Spec { return s.spec(m.cfg.DatabaseID) }

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
