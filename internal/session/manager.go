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

const (
	pollInterval    = 100 * time.Millisecond // while another request starts the client's session
	inspectTimeout  = 2 * time.Second        // of a PUT's look at a running container
	rollbackTimeout = 3 * time.Second

	// dockerMargin is by how much the Docker calls of a start end before the start
	// timeout, after which anybody may take the start for given up.
	dockerMargin = 10 * time.Second

	// MinStartTimeout is the shortest start timeout that leaves Docker time.
	MinStartTimeout = dockerMargin + 5*time.Second
)

// A Config holds what a [Manager] needs. All fields are required, but the last.
type Config struct {
	Store        *Store
	Pool         *hosts.Pool
	DatabaseID   string
	Strategy     hosts.Strategy
	StartPort    int
	StartTimeout time.Duration // the same as the store's
	Log          *slog.Logger

	// Gateway makes the containers private: clients reach them through gateways
	// only, which serve TLS if GatewayTLS is set.
	Gateway, GatewayTLS bool
}

// A Manager allocates sessions. It is safe for concurrent use.
type Manager struct {
	Config
	foreign  foreignPorts
	observer Observer // nil: there is none

	starts sync.WaitGroup
	alive  context.Context // done when starts are to be cut off
	abort  context.CancelFunc
}

// A Observer is what clients reach private containers through. Its methods are
// called by several goroutines at once.
type Observer interface {
	// Started is told of a session that begins to run.
	Started(s *Session)

	// Stopping is told of a session whose container is about to be ended, and
	// returns when no request for it is under way, or when that takes too long.
	Stopping(ctx context.Context, id int64)
}

// NewManager returns a manager. Close it to end what it has under way.
func NewManager(cfg Config) *Manager {
	m := &Manager{Config: cfg}
	m.alive, m.abort = context.WithCancel(context.Background())
	return m
}

// SetObserver names the gate of this process. It must be called before anything
// else.
func (m *Manager) SetObserver(g Observer) { m.observer = g }

// Close cuts off the starts that are under way and waits for their rollback. A
// rollback that takes too long is left to the reaper. Sessions keep running.
func (m *Manager) Close() {
	m.abort()
	m.starts.Wait()
}

// Allocate returns the client's session, and whether it was started just now.
// The work goes on if ctx ends: a client that hung up is told nothing, but what
// was begun is finished.
//
// Errors: a [FullError], [ErrNoTLS], [ErrStopped], or the database's.
func (m *Manager) Allocate(ctx context.Context, c Client, tls bool) (s *Session, fresh bool, err error) {
	ctx, cancel := m.detach(ctx)
	defer cancel()
	m.starts.Add(1)
	defer m.starts.Done()
	for {
		s, err := m.Store.ByIdentity(ctx, c.identity())
		switch {
		case errors.Is(err, ErrNotFound):
			s, err := m.startNew(ctx, c, tls)
			if errors.Is(err, errTaken) {
				continue
			}
			return s, true, err
		case err != nil:
			return nil, false, err
		}
		if ours, err := m.resume(ctx, c, s); ours || err != nil {
			return s, false, err
		}
	}
}

// detach returns a context that ends with the manager, not with the request.
func (m *Manager) detach(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(m.alive, cancel)
	return ctx, func() { stop(); cancel() }
}

// resume reports whether s can be given to its client. If not, the caller looks
// again: s is about to run, or was found dead and is no longer the client's.
func (m *Manager) resume(ctx context.Context, c Client, s *Session) (bool, error) {
	switch s.State {
	case Running:
		return m.stillRuns(ctx, c, s)
	case Claimed, Starting:
		if s.Overdue {
			_, err := m.Repair(ctx, s)
			return false, ignoreUnfinished(err)
		}
	}
	return false, clock.Sleep(ctx, pollInterval)
}

// ignoreUnfinished drops errors that leave the client free of the old session.
func ignoreUnfinished(err error) error {
	if errors.Is(err, ErrPending) || errors.Is(err, hosts.ErrUnreachable) || errors.Is(err, hosts.ErrUnknownHost) {
		return nil
	}
	return err
}

func (m *Manager) stillRuns(ctx context.Context, c Client, s *Session) (bool, error) {
	if ok, err := m.Store.Touch(ctx, c.identity()); !ok || err != nil {
		return false, err // someone is ending it
	}
	look, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	_, err := m.Pool.Inspect(look, s.ref(m.DatabaseID))
	if !errors.Is(err, hosts.ErrGone) {
		return true, nil // unreachable is not gone
	}
	m.Log.InfoContext(ctx, "container of a session is gone, starting another", "session", s.ID, "host", s.Host)
	_, err = m.end(ctx, s)
	return false, ignoreUnfinished(err)
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// Touch counts as use of the client's session. It returns [ErrNotFound] if the
// client has none that runs.
func (m *Manager) Touch(ctx context.Context, c Client) error {
	ok, err := m.Store.Touch(ctx, c.identity())
	if err == nil && !ok {
		err = ErrNotFound
	}
	return err
}
