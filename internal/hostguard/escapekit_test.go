package hostguard

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"wrpdistributor/internal/hosts/hoststest"
)

const (
	testDatabase = "0123456789abcdef0123456789abcdef"
	testToken    = "escape"
)

// goodCreate is what a distributor asks for, without what says nothing.
const goodCreate = `{"Image":"wrp-standin:test","Cmd":["-token","escape"],` +
	`"Labels":{"wrpdistributor.database":"` + testDatabase + `","wrpdistributor.session":"7","wrpdistributor.claim":"N"},` +
	`"ExposedPorts":{"8080/tcp":{}},"HostConfig":{"NetworkMode":"wrp","PortBindings":{"8080/tcp":[{"HostIp":"127.0.0.1","HostPort":"19099"}]},` +
	`"CapDrop":["ALL"],"SecurityOpt":["no-new-privileges"],"ReadonlyRootfs":true,"Tmpfs":{"/tmp":""},` +
	`"LogConfig":{"Type":"json-file","Config":{"max-size":"1m","max-file":"1"}},"Memory":67108864,"NanoCpus":500000000,"PidsLimit":64}}`

// testConfig allows what goodCreate asks for.
func testConfig(t testing.TB) Config {
	t.Helper()
	cfg, problems := parseConfig("IMAGES=wrp-standin:test\nPORTS=19090-19100\nMAX_CPUS=2\nCERTIFICATE=/etc/wrp/cert.pem~/etc/wrp/key.pem\nSTATE_DIR=" + t.TempDir())
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return *cfg
}

// serveGuard has a guard answer at a socket, which it returns.
func serveGuard(t testing.TB, cfg Config) (socket string) {
	t.Helper()
	guard, err := New(cfg, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "guard"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- guard.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}

// An answered request is what came of one.
type answered struct {
	status int // 0: the connection ended without an answer
	body   string
}

// patience is for what takes milliseconds, on a machine that has much else to do.
const patience = time.Minute

// exchange writes bytes to a socket as they are, and reads the first answer.
func exchange(t testing.TB, socket, raw string) answered {
	t.Helper()
	nc, err := net.Dial("unix", socket)
	if err != nil {
		t.Error(err)
		return answered{}
	}
	return exchangeOver(t, nc, raw)
}

// exchangeOver does it over a connection, which it ends.
func exchangeOver(t testing.TB, nc net.Conn, raw string) answered {
	t.Helper()
	defer nc.Close()
	if err := nc.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Error(err)
		return answered{}
	}
	go io.WriteString(nc, raw) // of what is refused not all is taken
	method, _, _ := strings.Cut(raw, " ")
	resp, err := http.ReadResponse(bufio.NewReader(nc), &http.Request{Method: method})
	if err != nil {
		return answered{}
	}
	defer resp.Body.Close()
	body := make([]byte, 4<<10)
	n, _ := resp.Body.Read(body) // the beginning says enough
	return answered{resp.StatusCode, string(body[:n])}
}

// post is a request with a body.
func post(target, body string) string {
	return "POST " + target + " HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

// ask is a request without one.
func ask(method, target string, headers ...string) string {
	return method + " " + target + " HTTP/1.1\r\nHost: d\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\n"
}

// A pathFilter is what people put before Docker otherwise: it looks at method and path.
var pathFilter = regexp.MustCompile(`^((GET|HEAD) /_ping|GET /(info|version|events|networks/[^/]+|images/.+/json|containers/json|containers/[^/]+/(json|logs))` +
	`|POST /(containers/create|containers/[^/]+/(start|stop|pause|unpause)|networks/create|images/create)|DELETE /containers/[^/]+)$`)

var versionPrefix = regexp.MustCompile(`^/v[0-9.]+/`)

// passesByPath reports whether a filter by method and path would let a request through,
// that reads it as net/http does.
func passesByPath(raw string) bool {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
	if err != nil {
		return false
	}
	return pathFilter.MatchString(r.Method + " " + versionPrefix.ReplaceAllString(path.Clean("/"+r.URL.Path), "/"))
}

// A site is this machine's engine with a container of ours, and one that is not, and the
// guard before it.
type site struct {
	guard, engine string // sockets
	ours, foreign string // ids
	foreignName   string
}

func newSite(t *testing.T) *site {
	t.Helper()
	hoststest.StandIn(t)
	s := &site{engine: "/var/run/docker.sock"}
	cfg := testConfig(t)
	s.guard = serveGuard(t, cfg)
	t.Cleanup(func() { hoststest.RemoveContainers(t, testDatabase) })
	s.foreignName = fmt.Sprintf("escape-foreign-%d", time.Now().UnixNano())
	s.foreign = hoststest.Docker(t, "create", "--name", s.foreignName, hoststest.Image)
	t.Cleanup(func() { hoststest.Docker(t, "rm", "-fv", s.foreign) })
	a := exchange(t, s.guard, post("/v1.41/containers/create?name=wrp_escape_ours", goodCreate))
	if a.status != http.StatusCreated {
		t.Fatalf("what a distributor asks for is answered %d %s", a.status, a.body)
	}
	s.ours = idIn(t, a.body)
	return s
}

var idInBody = regexp.MustCompile(`"Id":"([0-9a-f]{64})"`)

func idIn(t testing.TB, body string) string {
	t.Helper()
	m := idInBody.FindStringSubmatch(body)
	if m == nil {
		t.Fatalf("no id in %s", body)
	}
	return m[1]
}

// fill puts the site's ids into a request.
func (s *site) fill(raw string) string {
	raw = strings.NewReplacer("{ours}", s.ours, "{foreign}", s.foreign, "{short}", s.foreign[:12], "{name}", s.foreignName).Replace(raw)
	head, body, _ := strings.Cut(raw, "\r\n\r\n")
	if body == "" || !strings.Contains(head, "Content-Length: ") || strings.Contains(head, "as it is") {
		return raw
	}
	first := lengthForm.FindString(head)
	return strings.Replace(head, first, "Content-Length: "+strconv.Itoa(len(body)), 1) + "\r\n\r\n" + body
}

var lengthForm = regexp.MustCompile(`Content-Length: [0-9]+`)

// undo removes what an engine made that was asked without a guard.
func (s *site) undo(t *testing.T, a answered) {
	t.Helper()
	if m := idInBody.FindStringSubmatch(a.body); a.status == http.StatusCreated && m != nil {
		exchange(t, s.engine, ask("DELETE", "/containers/"+m[1]+"?force=1&v=1"))
	}
}

// repeat is a text over and over.
func repeat(text string, n int) string { return string(bytes.Repeat([]byte(text), n)) }
