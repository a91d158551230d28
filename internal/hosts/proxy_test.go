package hosts

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
)

// proxyVariables are all names under which programs look for a proxy.
var proxyVariables = []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"}

// withProxy runs a test of this package in a process whose environment names a
// proxy: net/http looks at it once only.
func withProxy(t *testing.T, proxy, test string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+test+"$", "-test.timeout", "1m")
	cmd.Env = os.Environ()
	for _, name := range proxyVariables {
		cmd.Env = append(cmd.Env, name+"="+proxy)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s with proxy %s: %v\n%s", test, proxy, err, out)
	}
}

// TestNoProxyIsUsed: whatever proxy the environment names, connections of ours go
// where they should, and nobody is told the proxy's password.
func TestNoProxyIsUsed(t *testing.T) {
	for _, proxy := range []string{
		"http://user:secret@proxy.invalid:3128", "https://user:secret@proxy.invalid:3128", "socks5://user:secret@proxy.invalid:1080",
	} {
		withProxy(t, proxy, "TestEngineSeesNoProxy")
	}
}

// TestEngineSeesNoProxy means little by itself, see [TestNoProxyIsUsed].
func TestEngineSeesNoProxy(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.IsAbs() || r.Header.Get("Proxy-Authorization") != "" {
			t.Errorf("the engine was asked as a proxy is: %s %s", r.Method, r.RequestURI)
		}
		w.Header().Set("Api-Version", "1.41")
	}))
	defer server.Close()
	dial := func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", server.Listener.Addr().String())
	}
	e, err := newEngine(dial)
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	if err := e.ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestRealHostDespiteProxy: engine and container are reached all the same.
func TestRealHostDespiteProxy(t *testing.T) {
	hoststest.StandIn(t)
	withProxy(t, "socks5://user:secret@127.0.0.1:1", "TestRealGatewayContainer")
}
