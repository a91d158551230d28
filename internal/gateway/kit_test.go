package gateway_test

import (
	"bufio"
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/clientconn"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// TestMain lets more tests run at once than there are processors: most of them wait.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

const (
	databaseID = "0123456789abcdef0123456789abcdef"
	cookieName = "wrp_session_01234567"
)

var amiga = session.Client{IP: "192.0.2.1", UserAgent: "AmiFox"}

// A bench is a gateway over a service whose sessions are behind it.
type bench struct {
	*servicetest.Kit
	gw  *gateway.Gateway
	url string
	log *logged

	client *http.Client // that knows the gateway's certificate
}

// options say what a bench is like.
type options struct {
	servicetest.Options
	gateway.Config
	idle    bool // nobody runs the gateway
	tls     bool
	trusted []netip.Prefix // proxies

	listener func(net.Listener) net.Listener         // nil: that of the test's WRP is as it is
	front    func(*gateway.Gateway) http.HandlerFunc // what clients come to; nil: the gateway
}

func newBench(t *testing.T, db *database.DB, opt options) *bench {
	t.Helper()
	opt.Options.Gateway = true
	opt.ConnectTimeout = cmp.Or(opt.ConnectTimeout, time.Minute)
	return openBench(t, servicetest.New(t, db, opt.Options), opt)
}

// openBench puts a gateway before a service.
func openBench(t *testing.T, k *servicetest.Kit, opt options) *bench {
	t.Helper()
	b := &bench{Kit: k, log: &logged{t: t}}
	log := slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	opt.Sessions, opt.Pool, opt.Log, opt.Guard = k.Sessions, k.Pool, log, auth.New(opt.trusted, log)
	if opt.Store == nil {
		opt.Store = k.Store
	}
	opt.DatabaseID = cmp.Or(opt.DatabaseID, databaseID)
	b.gw = gateway.New(opt.Config)
	k.Sessions.SetObserver(b.gw)
	var front http.Handler = b.gw
	if opt.front != nil {
		front = opt.front(b.gw)
	}
	srv := httptest.NewUnstartedServer(front)
	srv.Config.DisableGeneralOptionsHandler = true // as that of the distributor
	srv.Config.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	asDistributor(srv.Config)
	if opt.tls {
		srv.StartTLS()
	} else {
		srv.Listener = &clientconn.Listener{Listener: srv.Listener, Stall: time.Minute}
		srv.Start()
	}
	b.url, b.client = srv.URL, srv.Client()
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
		b.gw.Close()
	})
	if !opt.idle {
		run(t, b.gw)
	}
	return b
}

// asDistributor makes a server tell a client that waits from one that has left.
func asDistributor(srv *http.Server) {
	srv.ReadHeaderTimeout, srv.IdleTimeout, srv.ConnContext = time.Minute, 10*time.Minute, clientconn.NewContext
}

// run runs a gateway until the test ends.
func run(t *testing.T, g *gateway.Gateway) {
	t.Helper()
	done := make(chan error)
	go func() { done <- g.Run(t.Context()) }()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// logged is a log whose attributes can be counted.
type logged struct {
	t  testing.TB
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements [io.Writer].
func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.t.Output().Write(p)
	return l.b.Write(p)
}

func (l *logged) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

// allocate starts a session for a client.
func allocate(t *testing.T, k *servicetest.Kit, c session.Client) *session.Session {
	t.Helper()
	s, _, err := k.Sessions.Allocate(t.Context(), c, false)
	if err != nil {
		t.Fatal(err)
	}
	if !s.Gateway {
		t.Fatal("the session is not for a gateway")
	}
	return s
}

// An answer is what came back.
type answer struct {
	*http.Response
	body string
}

// ask sends a request with headers as "Name: value|Name: value".
func ask(t *testing.T, method, url, headers string) answer {
	t.Helper()
	a, err := try(t, method, url, headers)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return a
}

func try(t *testing.T, method, url, headers string) (answer, error) {
	req, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		return answer{}, err
	}
	for line := range strings.SplitSeq(headers, "|") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			req.Header.Add(name, value)
		}
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp, string(body)}, err
}

// get asks for a path with a token, and returns the status.
func (b *bench) get(t *testing.T, path, token string) int {
	t.Helper()
	return ask(t, http.MethodGet, b.url+path, "Bearer: "+token).StatusCode
}

// wants checks a status.
func wants(t *testing.T, what string, got, want int) {
	t.Helper()
	if got != want {
		t.Errorf("%s: status = %d, want %d", what, got, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// raw sends what it is given over a connection of its own.
func (b *bench) raw(t *testing.T, text string) (net.Conn, *bufio.Reader) {
	t.Helper()
	nc, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
	must(t, err)
	t.Cleanup(func() { nc.Close() })
	must(t, nc.(*net.TCPConn).SetReadBuffer(64<<10))
	must(t, nc.SetDeadline(time.Now().Add(time.Minute)))
	_, err = io.WriteString(nc, text)
	must(t, err)
	return nc, bufio.NewReader(nc)
}

// newUpstream returns a bench and the only session on it, whose WRP is a server of
// the test. The session's container runs, and is asked nothing.
func newUpstream(t *testing.T, opt options, wrp http.HandlerFunc) (*bench, *session.Session) {
	t.Helper()
	opt.Options.Gateway = true
	opt.ConnectTimeout = cmp.Or(opt.ConnectTimeout, time.Minute)
	k := servicetest.New(t, databasetest.New(t), opt.Options)
	s := allocate(t, k, amiga)
	ln, err := net.Listen("tcp", net.JoinHostPort(k.Hosts[0].Addr(), "0"))
	must(t, err)
	port := ln.Addr().(*net.TCPAddr).Port
	if opt.listener != nil {
		ln = opt.listener(ln)
	}
	srv := &httptest.Server{Listener: ln, Config: &http.Server{Handler: wrp}}
	srv.Start()
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	_, err = k.DB.ExecContext(t.Context(), "UPDATE sessions SET port = ? WHERE id = ?", port, s.ID)
	must(t, err)
	return openBench(t, k, opt), s
}

// longUnused makes all sessions look as if nobody had used them for an hour.
const longUnused = `UPDATE sessions SET started = datetime('now', '-1 hour'), lastUsed = datetime('now', '-1 hour')`

func (b *bench) age(t *testing.T) {
	t.Helper()
	_, err := b.DB.ExecContext(t.Context(), longUnused)
	must(t, err)
}

// moreThanBuffers is more than what may be on its way between a container and a
// client that takes nothing.
const moreThanBuffers = 32 << 20

// download begins a big download and leaves it there.
func (b *bench) download(t *testing.T, token string, size int) *http.Response {
	t.Helper()
	_, r := b.raw(t, fmt.Sprintf("GET /img/big?bytes=%d HTTP/1.1\r\nHost: x\r\nBearer: %s\r\n\r\n", size, token))
	resp, err := http.ReadResponse(r, nil)
	must(t, err)
	wants(t, "download", resp.StatusCode, 200)
	return resp
}

// state returns what the table says of a session; empty: nothing any more.
func state(t *testing.T, k *servicetest.Kit, id int64) string {
	t.Helper()
	s, err := k.Store.ByID(t.Context(), id)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%s frozen=%t", s.State, s.Frozen)
}
