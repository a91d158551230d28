package hostguard

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// A pretendEngine writes down what it is asked, and has three containers: one of ours, one
// of the doctor's and one of somebody else.
type pretendEngine struct {
	mu    sync.Mutex
	asked []string
}

// lookUp is a question whose a container is.
var lookUp = regexp.MustCompile(`^GET /v1\.[0-9]+/containers/[^/]+/json $`)

// ids of the pretend engine's containers.
var (
	oursID    = strings.Repeat("a", 64)
	foreignID = strings.Repeat("f", 64)
	madeID    = strings.Repeat("c", 64)
)

// startEngine starts one, and returns its socket.
func startEngine(t testing.TB) (*pretendEngine, string) {
	t.Helper()
	e := &pretendEngine{}
	return e, serveEngine(t, e)
}

// serveEngine has an engine answer at the socket that is returned.
func serveEngine(t testing.TB, e http.Handler) (socket string) {
	t.Helper()
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "engine"))
	if err != nil {
		t.Fatal(err)
	}
	srv := &httptest.Server{Listener: ln, Config: &http.Server{Handler: e}}
	srv.Start()
	t.Cleanup(srv.Close)
	return ln.Addr().String()
}

// take returns what it was asked since the last time.
func (e *pretendEngine) take() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	asked := e.asked
	e.asked = nil
	return asked
}

// ServeHTTP implements [http.Handler].
func (e *pretendEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // of the guard's
	e.mu.Lock()
	e.asked = append(e.asked, fmt.Sprintf("%s %s %s", r.Method, r.RequestURI, body))
	e.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_, rest, _ := strings.Cut(r.URL.Path, "/containers/")
	ref, verb, _ := strings.Cut(rest, "/")
	switch {
	case ref == "create":
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"Id":%q}`, madeID)
	case verb == "json":
		describe(w, ref)
	case ref == "json":
		fmt.Fprint(w, "[]")
	default:
		fmt.Fprint(w, "{}")
	}
}

// describe answers what is under an id, or a name. The container of ours is called as the
// foreign one's short id.
func describe(w http.ResponseWriter, ref string) {
	id, label := "", ""
	switch ref {
	case oursID, "wrp_ours":
		id, label = oursID, testDatabase
	case "wrp_doctor_x":
		id, label = strings.Repeat("d", 64), examined
	case "wrp_other", strings.Repeat("e", 64):
		id, label = strings.Repeat("e", 64), strings.Repeat("0", 32)
	case foreignID, foreignID[:12], "escape-foreign":
		id = foreignID
	default:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(w, `{"message":"No such container: %s"}`, ref)
		return
	}
	fmt.Fprintf(w, `{"Id":%q,"Name":%q,"Config":{"Labels":{%q:%q}}}`, id, ref, labelDatabase, label)
}

// newPretendSite is a guard that belongs to the database of tests, before a pretend engine.
func newPretendSite(t testing.TB) (*site, *pretendEngine) {
	t.Helper()
	e, socket := startEngine(t)
	cfg := testConfig(t)
	cfg.Docker, cfg.DatabaseID = socket, testDatabase
	return &site{guard: serveGuard(t, cfg), engine: socket, ours: oursID, foreign: foreignID, foreignName: "escape-foreign"}, e
}
