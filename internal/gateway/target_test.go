package gateway_test

import (
	"bytes"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/target/targettest"
)

// TestOnlyPathsPass: what a container gets is what the gateway looked at, whatever
// form the client gave it.
func TestOnlyPathsPass(t *testing.T) {
	t.Parallel()
	var wrp recordings
	b, s := newUpstream(t, options{listener: wrp.record, Config: gateway.Config{
		Address: targettest.Name + ":8080", TLSAddress: targettest.TLSName + ":8443",
	}}, func(http.ResponseWriter, *http.Request) {})
	address := strings.TrimPrefix(b.url, "http://")
	for _, tt := range targettest.Cases() {
		target := strings.ReplaceAll(tt.Target, "ADDRESS", address)
		wants(t, tt.Method+" "+target, targettest.Send(t, address, tt.Method, target, "Bearer: "+s.Token+"\r\n"), tt.Gateway)
		if got := wrp.targets(); got != tt.Passed {
			t.Errorf("%s %q: WRP gets %q, want %q", tt.Method, target, got, tt.Passed)
		}
		if tt.Gateway == 400 {
			wants(t, "without a token "+tt.Method+" "+target, targettest.Send(t, address, tt.Method, target, ""), 400)
		}
	}
	b.gw.Drain(t.Context())
	wants(t, "while it shuts down", targettest.Send(t, address, "GET", "a:b:/shutdown/", ""), 400)
}

// TestNamelessGatewayTakesItsAddress: where it was not told by which name clients
// find it, an absolute target may only hold the address that they found it at.
func TestNamelessGatewayTakesItsAddress(t *testing.T) {
	t.Parallel()
	b, s := newUpstream(t, options{}, describe)
	address := strings.TrimPrefix(b.url, "http://")
	for target, code := range map[string]int{"http://" + address + "/": 200, "http://localhost/": 400, "http:///": 400} {
		wants(t, target, targettest.Send(t, address, "GET", target, "Bearer: "+s.Token+"\r\n"), code)
	}
}

// recordings are what was sent over the connections of a listener.
type recordings struct {
	mu  sync.Mutex
	got bytes.Buffer
}

// targets returns the targets of the requests since it was called last.
func (r *recordings) targets() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.got.Reset()
	var list []string
	for _, m := range regexp.MustCompile(`(?m)^[A-Z]+ (.*) HTTP/1\.1\r$`).FindAllStringSubmatch(r.got.String(), -1) {
		list = append(list, m[1])
	}
	return strings.Join(list, " and ")
}

func (r *recordings) record(ln net.Listener) net.Listener { return recorded{ln, r} }

type recorded struct {
	net.Listener
	by *recordings
}

// Accept implements [net.Listener].
func (l recorded) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	return recordedConn{nc, l.by}, err
}

type recordedConn struct {
	net.Conn
	by *recordings
}

// Read implements [io.Reader].
func (c recordedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.by.mu.Lock()
	defer c.by.mu.Unlock()
	c.by.got.Write(p[:n])
	return n, err
}
