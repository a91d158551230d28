package hosts

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
)

// slowPool returns a pool with a host at the end of a slow line, which may be
// silent only as long as limit says.
func slowPool(t *testing.T, rate int, limit silence) (*Pool, *hoststest.Throttle) {
	t.Helper()
	sshd := hoststest.StartSSHD(t, hoststest.SSHDOptions{})
	line := hoststest.StartThrottle(t, sshd.Addr, rate)
	p, _ := realPool(t, sshd)
	c := p.hosts[0].client
	c.target.Addr, c.silence = line.Addr, limit
	c.keys = &hostKeys{KnownHosts: KnownHosts{AcceptNew: filepath.Join(t.TempDir(), "known_hosts")}, log: slog.New(slog.DiscardHandler)}
	if limit != (silence{}) {
		p.hosts[0].cfg.ConnectTimeout = 2 * time.Second
	}
	if p.CheckHealth(t.Context()); p.Status()[0].State != Up {
		t.Fatalf("status = %+v, want up", p.Status()[0])
	}
	return p, line
}

// A gallery is what runs on a port of the host: it has pictures, and takes them.
type gallery struct {
	*http.Client
	url  string
	port int
}

func newGallery(t *testing.T, p *Pool) gallery {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var size int64
		if _, err := fmt.Sscanf(r.URL.Path, "/%d", &size); err == nil {
			_, _ = io.CopyN(w, zeroes{}, size)
			return
		}
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n, err)
	}))
	t.Cleanup(server.Close)
	port := server.Listener.Addr().(*net.TCPAddr).Port
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return p.Dial(ctx, "host0", port) }}
	t.Cleanup(transport.CloseIdleConnections)
	return gallery{&http.Client{Transport: transport}, server.URL, port}
}

// A zeroes is a picture without end.
type zeroes struct{}

// Read implements [io.Reader].
func (zeroes) Read(b []byte) (int, error) { return len(b), nil }

// draw fetches a picture, and calls begun with its first byte.
func (g gallery) draw(size int64, begun func()) error {
	resp, err := g.Get(fmt.Sprintf("%s/%d", g.url, size))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.ReadFull(resp.Body, make([]byte, 1)); err != nil {
		return err
	}
	begun()
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil && n != size-1 {
		err = fmt.Errorf("%d bytes, want %d", n+1, size)
	}
	return err
}

func (g gallery) send(size int64) error {
	resp, err := g.Post(g.url+"/take", "image/gif", io.LimitReader(zeroes{}, size))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || string(text) != fmt.Sprint(size, nil) {
		return fmt.Errorf("sent %d bytes: %q, %w", size, text, err)
	}
	return nil
}

// TestRealBusyLink: a slow line that is full of pictures is not dead. Nothing is
// cut, and no question that stands behind them, with a deadline of its own or of its
// caller's, marks the host down. A line that is really dead is noticed all the same.
func TestRealBusyLink(t *testing.T) {
	p, line := slowPool(t, 32<<10, silence{ask: 500 * time.Millisecond, end: 2 * time.Second})
	g := newGallery(t, p)
	drawAll(t, p, g, 48<<10)
	if n := line.Connections(); n != 1 {
		t.Errorf("%d connections, want the first to last", n)
	}
	if err := g.draw(40<<10, line.Freeze); err == nil {
		t.Error("a picture came through a dead line")
	}
	if p.CheckHealth(t.Context()); p.Status()[0].State != Unreachable {
		t.Errorf("status = %+v, want the dead line noticed", p.Status()[0])
	}
}

// drawAll has four sessions draw pictures, while the host is asked this and that.
func drawAll(t *testing.T, p *Pool, g gallery, size int64) {
	t.Helper()
	begun := make(chan struct{})
	begin := sync.OnceFunc(func() { close(begun) })
	var drawing sync.WaitGroup
	for range 4 {
		drawing.Go(func() {
			defer begin()
			if err := g.draw(size, begin); err != nil {
				t.Errorf("draw: %v", err)
			}
		})
	}
	<-begun // a piece of the first comes, the others stand behind it
	drawing.Go(func() {
		nc, err := p.Dial(t.Context(), "host0", g.port)
		if err != nil {
			t.Errorf("a connection that stands behind pictures: %v", err)
			return
		}
		nc.Close()
	})
	hasty, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, _, err := p.List(hasty, "host0")
	if st := p.Status()[0]; st.State != Up {
		t.Errorf("status = %+v after a caller's deadline, %v; want up", st, err)
	}
	if p.CheckHealth(t.Context()); p.Status()[0].State != Up {
		t.Errorf("status = %+v after a check, want up", p.Status()[0])
	}
	drawing.Wait()
}

func sendAll(t *testing.T, g gallery, size int64) {
	t.Helper()
	var sending sync.WaitGroup
	for range 4 {
		sending.Go(func() {
			if err := g.send(size); err != nil {
				t.Errorf("send: %v", err)
			}
		})
	}
	sending.Wait()
}

// TestE2ESlowLine: four sessions on a line of 256 kbit/s, for five minutes: they
// draw, and then send, while the pool looks after the host.
func TestE2ESlowLine(t *testing.T) {
	proctest.E2E(t)
	p, line := slowPool(t, 256<<10/8, silence{})
	g := newGallery(t, p)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = p.Run(ctx, ignorer{}) })
	defer running.Wait()
	defer stop()
	const rounds = 3
	for range rounds {
		drawAll(t, p, g, 256<<10/8*200/4/rounds)
		sendAll(t, g, 256<<10/8*100/4/rounds)
	}
	if n := line.Connections(); n != 1 {
		t.Errorf("%d connections, want the first to last", n)
	}
}

// An ignorer is told of events and does nothing.
type ignorer struct{}

// HandleEvent implements [Watcher].
func (ignorer) HandleEvent(context.Context, Event) {}

// HandleListing implements [Watcher].
func (ignorer) HandleListing(context.Context, string, []Container) {}

// TestAcknowledgedBytesAreLife: what waits to be sent on a slow line is
// progress as long as the other side's kernel takes it. Once all has arrived,
// a side that sends nothing is silent.
func TestAcknowledgedBytesAreLife(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	line := hoststest.StartThrottle(t, server.Addr().String(), 32<<10)
	const size = 48 << 10
	arrived := make(chan error)
	go func() {
		nc, err := server.Accept()
		if err == nil {
			defer nc.Close()
			_, err = io.CopyN(io.Discard, nc, size)
		}
		arrived <- err
		<-arrived
	}()
	tcp, err := net.Dial("tcp", line.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	c := &netConn{Conn: tcp}
	if c.progress() != (progress{}) {
		t.Errorf("progress = %+v before anything was sent", c.progress())
	}
	if _, err := c.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	steps, seen := 0, c.progress()
	for done := false; !done; {
		select {
		case err := <-arrived:
			if err != nil {
				t.Fatal(err)
			}
			done = true
		case <-time.After(10 * time.Millisecond):
		}
		if now := c.progress(); now.since(seen) {
			steps, seen = steps+1, now
		}
	}
	if steps < 3 {
		t.Errorf("%d signs of life while %d bytes crept through", steps, size)
	}
	if p := c.progress(); p != (progress{}) {
		t.Errorf("progress = %+v, want none once all has arrived", p)
	}
	close(arrived)
}
