package gateway_test

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/bubbletest"
	"wrpdistributor/internal/clientconn"
	"wrpdistributor/internal/clock"
	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/session"
)

// A simulation is a gateway whose connections are pipes, whose sessions are in
// memory and whose time is that of a synctest bubble. It is for what depends on
// time; everything else is tested with a database and hosts.
type simulation struct {
	gw        *gateway.Gateway
	log       *logged
	sessions  *memory
	container *container
	client    *http.Client
	clients   *pipes
	token     string // of the one session

	front http.HandlerFunc // before the gateway; nil: nothing is
}

// ServeHTTP implements [http.Handler].
func (s *simulation) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.front != nil {
		s.front(w, r)
		return
	}
	s.gw.ServeHTTP(w, r)
}

// simulate runs a test in a bubble, with one session whose WRP is a handler.
func simulate(t *testing.T, cfg gateway.Config, wrp http.HandlerFunc, test func(t *testing.T, s *simulation)) {
	t.Helper()
	bubbletest.Run(t, func(t *testing.T) {
		m := &memory{rows: make(map[int64]session.Session)}
		c := newContainer(t, wrp)
		m.container = c
		s := newSimulation(t, cfg, m)
		row := session.Session{ID: 1, State: session.Running, Host: "host0", Port: 9090, Gateway: true, Token: known, Started: time.Now()}
		m.put(row)
		s.gw.Started(&row)
		test(t, s)
	})
}

const known = "9876543210987654321098765432109876543210"

// newSimulation puts a gateway before sessions, one of several if need be.
func newSimulation(t *testing.T, cfg gateway.Config, m *memory) *simulation {
	t.Helper()
	s := &simulation{log: &logged{t: t}, sessions: m, container: m.container, clients: newPipes(), token: known}
	log := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	pool, err := hosts.New(hosts.Config{Log: log, Hosts: []hosts.Host{{Name: "host0"}}})
	must(t, err)
	cfg.Sessions, cfg.Store, cfg.Pool, cfg.Log, cfg.Guard = m, m, pool, log, auth.New(nil, log)
	cfg.DatabaseID = databaseID
	s.gw = gateway.New(cfg)
	s.gw.SetDial(func(ctx context.Context, _ string, _ int) (net.Conn, error) { return m.container.pipes.dial(ctx) })
	stop := s.clients.serve(s, func(srv *http.Server) net.Listener {
		asDistributor(srv)
		return &clientconn.Listener{Listener: s.clients, Stall: cmp.Or(cfg.StallTimeout, 5*time.Minute)}
	})
	s.client = &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return s.clients.dial(ctx) },
	}}
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		stop()
		s.gw.Close()
		pool.Close()
	})
	return s
}

// get asks for a path with a token.
func (s *simulation) get(t *testing.T, path, token string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://gateway"+path, http.NoBody)
	must(t, err)
	req.Header.Set("Bearer", token)
	resp, err := s.client.Do(req)
	must(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	return answer{resp, string(body)}
}

// begin asks for a path in the background. The answer comes through the channel.
func (s *simulation) begin(t *testing.T, path string) chan answer {
	t.Helper()
	done := make(chan answer, 1)
	go func() { done <- s.get(t, path, s.token) }()
	synctest.Wait()
	return done
}

// raw sends what it is given over a connection of its own.
func (s *simulation) raw(t *testing.T, text string) (net.Conn, *bufio.Reader) {
	t.Helper()
	nc, err := s.clients.dial(t.Context())
	must(t, err)
	t.Cleanup(func() { nc.Close() })
	_, err = io.WriteString(nc, text)
	must(t, err)
	return nc, bufio.NewReader(nc)
}

// A container answers as its handler does, unless it is paused.
type container struct {
	pipes   *pipes
	mu      sync.Mutex
	running chan struct{} // closed while it is not paused
	pauses  int
}

func newContainer(t *testing.T, wrp http.HandlerFunc) *container {
	t.Helper()
	c := &container{pipes: newPipes(), running: make(chan struct{})}
	close(c.running)
	t.Cleanup(c.pipes.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		running := c.running
		c.mu.Unlock()
		select {
		case <-running:
			wrp(w, r)
		case <-r.Context().Done():
		}
	}), func(*http.Server) net.Listener { return c.pipes }))
	return c
}

func (c *container) pause() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = make(chan struct{})
	c.pauses++
}

func (c *container) unpause() {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.running:
	default:
		close(c.running)
	}
}

func (c *container) paused() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pauses
}

// memory is a table of sessions. It implements [gateway.Sessions] and
// [gateway.Store].
type memory struct {
	container *container
	repair    func(ctx context.Context, gone func()) error // nil: the container is found running
	confirm   error                                        // that it runs

	mu    sync.Mutex
	rows  map[int64]session.Session
	down  bool        // it cannot be asked
	asked int         // for sessions
	uses  []time.Time // when use was written down
	sets  [][]int64   // by one statement, of several sessions
}

var errDown = errors.New("database is down")

func (m *memory) put(s session.Session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows[s.ID] = s
}

func (m *memory) remove(id int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.rows, id)
}

// age makes a session look as if nobody had used it for an hour.
func (m *memory) age(id int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.rows[id]
	s.LastUsed.Time = time.Now().Add(-time.Hour)
	m.rows[id] = s
}

// freeze does what another process may do.
func (m *memory) freeze(id int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.freezeLocked(id)
}

func (m *memory) freezeLocked(id int64) {
	s := m.rows[id]
	s.Frozen = true
	m.rows[id] = s
	m.container.pause()
}

func (m *memory) setDown(down bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = down
}

func (m *memory) frozen(id int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rows[id].Frozen
}

// written returns when use was written down, oldest first.
func (m *memory) written() []time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.uses)
}

// flushed returns whose use was written down by each statement for several sessions.
func (m *memory) flushed() [][]int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.sets)
}

// questions returns how often sessions were asked for.
func (m *memory) questions() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.asked
}

// TouchByID implements [gateway.Sessions].
func (m *memory) TouchByID(ctx context.Context, id int64) (*session.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.rows[id]
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case m.down:
		return nil, errDown
	case !ok:
		return nil, session.ErrNotFound
	}
	m.touch(id)
	if s.Frozen {
		s = m.rows[id]
		s.Frozen = false
		m.rows[id] = s
		m.container.unpause()
	}
	return &s, nil
}

func (m *memory) touch(id int64) {
	s := m.rows[id]
	s.LastUsed.Time, s.LastUsed.Valid = time.Now(), true
	m.rows[id] = s
	m.uses = append(m.uses, time.Now())
}

// TouchAll implements [gateway.Store].
func (m *memory) TouchAll(_ context.Context, ids []int64) (n int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down {
		return 0, errDown
	}
	m.sets = append(m.sets, ids)
	for _, id := range ids {
		if _, ok := m.rows[id]; ok {
			m.touch(id)
			n++
		}
	}
	return n, nil
}

// GatewayBriefs implements [gateway.Store].
func (m *memory) GatewayBriefs(context.Context) (list []session.Brief, err error) {
	all, err := m.find(func(session.Session) bool { return true })
	for _, s := range all {
		list = append(list, session.Brief{ID: s.ID, Frozen: s.Frozen})
	}
	return list, err
}

// GatewaySessions implements [gateway.Store].
func (m *memory) GatewaySessions(_ context.Context, ids []int64) ([]session.Session, error) {
	return m.find(func(s session.Session) bool { return slices.Contains(ids, s.ID) })
}

// GatewaySessionsOf implements [gateway.Store].
func (m *memory) GatewaySessionsOf(_ context.Context, tokens []string) ([]session.Session, error) {
	return m.find(func(s session.Session) bool { return slices.Contains(tokens, s.Token) })
}

func (m *memory) find(wanted func(session.Session) bool) (list []session.Session, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	if m.down {
		return nil, errDown
	}
	for _, s := range m.rows {
		if wanted(s) {
			list = append(list, s)
		}
	}
	return list, nil
}

func unusedFor(s *session.Session, unused time.Duration) bool {
	used := s.Started
	if s.LastUsed.Valid {
		used = s.LastUsed.Time
	}
	return time.Since(used) >= unused
}

// Freezable implements [gateway.Store].
func (m *memory) Freezable(_ context.Context, unused time.Duration) (ids []int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.rows {
		if !s.Frozen && unusedFor(&s, unused) {
			ids = append(ids, s.ID)
		}
	}
	return ids, nil
}

// Freeze implements [gateway.Sessions].
func (m *memory) Freeze(_ context.Context, s *session.Session, unused time.Duration) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	row := m.rows[s.ID]
	if row.Frozen || !unusedFor(&row, unused) {
		return false, nil
	}
	m.freezeLocked(s.ID)
	return true, nil
}

// ConfirmRuns implements [gateway.Sessions].
func (m *memory) ConfirmRuns(context.Context, *session.Session) error { return m.confirm }

// RepairUnresponsive implements [gateway.Sessions].
func (m *memory) RepairUnresponsive(ctx context.Context, _ *session.Session, gone func()) error {
	if m.repair == nil {
		return nil
	}
	return m.repair(ctx, gone)
}

// pipes is a listener whose connections are pipes.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

// serve serves HTTP behind the pipes until stop is called, which waits for what is
// under way.
func (p *pipes) serve(h http.Handler, listen func(*http.Server) net.Listener) (stop func()) {
	var work sync.WaitGroup
	counted := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		work.Add(1)
		defer work.Done()
		h.ServeHTTP(w, r)
	})
	srv := &http.Server{Handler: counted, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	done, ln := make(chan error), listen(srv)
	go func() { done <- srv.Serve(ln) }()
	return func() {
		srv.Close()
		<-done
		work.Wait()
	}
}

func (p *pipes) dial(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements [net.Listener].
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// Addr implements [net.Listener].
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// echo answers with the path.
func echo(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) }

// hang answers nobody.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// deadDial waits as long as a pool does when nothing moves on a link.
func deadDial(ctx context.Context, _ string, _ int) (net.Conn, error) {
	if err := clock.Sleep(ctx, 10*time.Second); err != nil {
		return nil, err
	}
	return nil, context.DeadlineExceeded
}
