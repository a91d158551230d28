package scripts_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
)

const (
	caddyImage = "wrp-test-caddy"
	caddyName  = "wrp.test"
)

// A front is a stack with Caddy before it, as its clients see that.
type front struct {
	*stack
	plain, secure, gateway string // addresses, of which gateway is Caddy's for the gateway
	caddy                  string // where the distributor sees Caddy
	roots                  *x509.CertPool
}

// newFront returns one with a gateway. Its host is "local", or, with another host, that one.
func newFront(t *testing.T, over *hoststest.SSHD, env ...string) *front {
	t.Helper()
	hoststest.NeedImage(t, caddyImage)
	f := &front{plain: proctest.FreeAddr(t), secure: proctest.FreeAddr(t), gateway: proctest.FreeAddr(t)}
	network := fmt.Sprintf("172.31.%d.", rand.IntN(250)) // of its own, beside other tests
	f.caddy = network + "6"
	env = append([]string{"CADDY_SUBNET=" + network + "0/29",
		"COMPOSE_PROFILES=tls", "CADDY_NAME=" + caddyName, "CADDY_IMAGE=" + caddyImage, "GATEWAY_LISTEN=:" + portOf(proctest.FreeAddr(t)),
		"CADDY_HTTP_PORT=" + portOf(f.plain), "CADDY_HTTPS_PORT=" + portOf(f.secure), "CADDY_GATEWAY_PORT=" + portOf(f.gateway),
	}, env...)
	if over != nil {
		env = append(env, "CONTAINER_HOSTS="+hostOf(t, over), "CONTAINER_HOSTS_KEYS=root~id_host", "SSH_HOST_KEYS=accept-new")
	}
	f.stack = newStack(t, "wrp-test-mysql", env...)
	if over != nil {
		f.has(t, over)
	}
	return f
}

// startHost starts a host that the stack's containers reach.
func startHost(t *testing.T) *hoststest.SSHD {
	t.Helper()
	if os.Geteuid() != 0 {
		hoststest.Missing(t, "root, who gives the keys to the stack's user")
	}
	hoststest.StandIn(t)
	return hoststest.StartSSHD(t, hoststest.SSHDOptions{Config: "ListenAddress " + bridgeAddress(t)})
}

func hostOf(t *testing.T, host *hoststest.SSHD) string {
	t.Helper()
	return net.JoinHostPort(bridgeAddress(t), portOf(host.Addr))
}

// has puts the key of a host where the stack's user reads it.
func (f *front) has(t *testing.T, host *hoststest.SSHD) {
	t.Helper()
	key := filepath.Join(f.dir, "ssh", "id_host")
	write(t, key, string(host.Host().Key), 0o600)
	for _, path := range []string{key, filepath.Dir(key)} {
		if err := os.Chown(path, 65532, 65532); err != nil {
			t.Fatal(err)
		}
	}
}

func portOf(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }

// trusts reads the certificate of Caddy's own authority, as an operator takes it to clients.
func (f *front) trusts(t *testing.T) {
	t.Helper()
	f.roots = x509.NewCertPool()
	text := hoststest.Docker(t, "exec", f.container(t, "caddy"), "cat", "/data/caddy/pki/authorities/local/root.crt")
	if !f.roots.AppendCertsFromPEM([]byte(text)) {
		t.Fatalf("Caddy's root certificate is %s", text)
	}
}

// transport reaches addr whatever name is asked for.
func (f *front) transport(addr string) *http.Transport {
	return &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: f.roots, ServerName: caddyName},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, addr)
		},
	}
}

// asks sends a request over TLS to Caddy at addr.
func (f *front) asks(t *testing.T, addr, method, path string, header http.Header) (*http.Response, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "https://"+caddyName+":"+portOf(addr)+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header = header
	resp, err := f.transport(addr).RoundTrip(r)
	if err == nil {
		t.Cleanup(func() { resp.Body.Close() })
	}
	return resp, err
}

func textOf(t *testing.T, resp *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// puts is the PUT of a client that knows TLS.
func (f *front) puts(t *testing.T) (proctest.Answer, error) {
	t.Helper()
	resp, err := f.asks(t, f.secure, http.MethodPut, "/", http.Header{"Bearer": {"k"}, "User-Agent": {"modern"}, "X-Forwarded-For": {"192.0.2.66"}})
	if err != nil {
		return proctest.Answer{}, err
	}
	body, err := io.ReadAll(resp.Body)
	return proctest.Answer{Code: resp.StatusCode, Header: resp.Header, Body: string(body)}, err
}

// browses opens the first page of a session through Caddy and the gateway.
func (f *front) browses(t *testing.T, token string) int {
	t.Helper()
	resp, err := f.asks(t, f.gateway, http.MethodGet, "/", http.Header{"Bearer": {token}, "User-Agent": {"modern"}})
	if err != nil {
		return 0
	}
	return resp.StatusCode
}

// old sends a request of HTTP/1.0, of a client that names no host.
func old(t *testing.T, addr string) (*http.Response, string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "PUT / HTTP/1.0\r\nBearer: k\r\nUser-Agent: old\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	return resp, textOf(t, resp)
}
