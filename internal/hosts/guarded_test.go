package hosts

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"wrpdistributor/internal/hostguard"
)

var update = flag.Bool("update", false, "write the golden files anew")

const guardedDatabase = "0123456789abcdef0123456789abcdef"

// An askedEngine is one that writes down what it is asked.
type askedEngine struct {
	api   string
	mu    sync.Mutex
	asked strings.Builder
}

// ServeHTTP implements [http.Handler].
func (e *askedEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // of a client that ends only with the test
	e.mu.Lock()
	fmt.Fprintf(&e.asked, "%s %s %s\n", r.Method, r.RequestURI, body)
	e.mu.Unlock()
	w.Header().Set("Api-Version", e.api)
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.URL.Path == "/_ping":
	case strings.HasSuffix(r.URL.Path, "/containers/create"):
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"Id":%q}`, strings.Repeat("a", 64))
	case strings.HasPrefix(r.URL.Path, "/v"+e.api+"/containers/") && strings.HasSuffix(r.URL.Path, "/json") && !strings.HasSuffix(r.URL.Path, "/containers/json"):
		fmt.Fprintf(w, `{"Id":%q,"Created":"2026-01-01T00:00:00Z","State":{},"Config":{"Labels":{"wrpdistributor.database":%q}}}`, strings.Repeat("b", 64), guardedDatabase)
	case strings.HasSuffix(r.URL.Path, "/containers/json"):
		fmt.Fprint(w, "[]")
	case strings.HasSuffix(r.URL.Path, "/info"):
		fmt.Fprint(w, `{"SystemTime":"2026-01-01T00:00:00Z"}`)
	case strings.HasSuffix(r.URL.Path, "/logs"), strings.HasSuffix(r.URL.Path, "/events"):
	default:
		fmt.Fprint(w, "{}")
	}
}

// guardedEngine is the engine of a host with a guard.
func guardedEngine(t *testing.T, asked *askedEngine) *engine {
	t.Helper()
	dir := t.TempDir()
	ln, err := net.Listen("unix", filepath.Join(dir, "engine"))
	must(t, err)
	srv := &httptest.Server{Listener: ln, Config: &http.Server{Handler: asked}}
	srv.Start()
	t.Cleanup(srv.Close)
	conf := filepath.Join(dir, "conf")
	must(t, os.WriteFile(conf, fmt.Appendf(nil, "STATE_DIR=%s\nDOCKER_SOCKET=%s\nCERTIFICATE=/etc/wrp/cert.pem~/etc/wrp/key.pem\nSUBNET=10.99.0.0/24\n", dir, ln.Addr()), 0o600))
	cfg, err := hostguard.LoadConfig(conf)
	must(t, err)
	guard, err := hostguard.New(*cfg, slog.New(slog.NewTextHandler(t.Output(), nil)))
	must(t, err)
	front, err := net.Listen("unix", filepath.Join(dir, "guard"))
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- guard.Serve(ctx, front) }()
	e, err := newEngine(func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", front.Addr().String())
	})
	must(t, err)
	t.Cleanup(func() {
		e.close()
		cancel()
		must(t, <-served)
	})
	return e
}

// TestGuardPassesWhatHostsSend: each thing that a host's engine is ever asked passes a
// guard, and the engine is asked the same for it, in both forms of the client's library; and
// before the first container which there are.
func TestGuardPassesWhatHostsSend(t *testing.T) {
	for _, api := range []string{"1.41", "1.51"} {
		t.Run(api, func(t *testing.T) {
			asked := &askedEngine{api: api}
			e := guardedEngine(t, asked)
			askEverything(t, e)
			asked.mu.Lock()
			got := asked.asked.String()
			asked.mu.Unlock()
			file := filepath.Join("testdata", "guard-"+api+".txt")
			if *update {
				must(t, os.WriteFile(file, []byte(got), 0o600))
			}
			want, err := os.ReadFile(file)
			must(t, err)
			if got != string(want) {
				t.Errorf("the engine was asked\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func askEverything(t *testing.T, e *engine) {
	t.Helper()
	ctx := t.Context()
	s := Spec{Ref: Ref{Name: "wrp_01234567_7", Session: 7, Nonce: "N"}, Port: 9090, Token: "tok", publishOn: loopback, databaseID: guardedDatabase}
	c := ContainerConfig{Image: "alb42/amifoxserver:latest", Args: []string{"-O", "-token", "{token}"}, Memory: 1 << 30, CPUs: 0.5, Pids: 512}
	files := &TLSFiles{Cert: "/etc/wrp/cert.pem", Key: "/etc/wrp/key.pem"}
	must(t, e.ping(ctx))
	_, err := e.info(ctx)
	must(t, err)
	_, err = e.facts(ctx)
	must(t, err)
	_, err = e.network(ctx, ownNetwork)
	must(t, err)
	must(t, e.createNetwork(ctx, newNetwork{ownNetwork, ownBridge, netip.MustParsePrefix("10.99.0.0/24")}))
	must(t, e.createNetwork(ctx, newNetwork{name: ownNetwork, bridge: ownBridge}))
	_, err = e.image(ctx, c.Image)
	must(t, err)
	must(t, e.pull(ctx, c.Image, func(int64, int64) {}))
	must(t, e.checkCertificate(ctx, files))
	id, err := e.create(ctx, s, c, nil, "/")
	must(t, err)
	s.TLS, s.Name, c.Args, c.CPUs = true, "wrp_01234567_8", nil, 0
	_, err = e.create(ctx, s, c, files, "/app")
	must(t, err)
	for _, ref := range []string{id, "wrp_01234567_9"} { // of one made here, and by name
		must(t, e.start(ctx, ref))
		_, err = e.inspect(ctx, ref)
		must(t, err)
		must(t, e.pause(ctx, ref))
		must(t, e.unpause(ctx, ref))
		_, err = e.lastOutput(ctx, ref)
		must(t, err)
		must(t, e.stop(ctx, ref, 2*time.Second))
		must(t, e.remove(ctx, ref))
	}
	_, err = e.list(ctx, labelDatabase+"="+guardedDatabase)
	must(t, err)
	_, err = e.list(ctx, labelDatabase+"="+examined)
	must(t, err)
	_, err = e.publishedPorts(ctx)
	must(t, err)
	if _, err = e.events(ctx, time.Unix(1700000000, 5), labelDatabase+"="+guardedDatabase).next(); err != io.EOF { // as streams end
		t.Errorf("events end with %v, want the end of the engine's", err)
	}
}
