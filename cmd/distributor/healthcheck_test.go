package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
)

// TestHealthcheckUsesNoProxy: the service is asked where it is, whatever proxy the
// environment names.
func TestHealthcheckUsesNoProxy(t *testing.T) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	// Nobody asks a proxy about loopback addresses.
	i := slices.IndexFunc(addrs, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && n.IP.To4() != nil && !n.IP.IsLoopback()
	})
	if i < 0 {
		hoststest.Missing(t, "an address beside loopback")
	}
	ln, err := net.Listen("tcp", net.JoinHostPort(addrs[i].(*net.IPNet).IP.String(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: ln, Config: &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}}
	server.Start()
	defer server.Close()
	cmd := exec.CommandContext(t.Context(), commands(t).Bin+"/distributor", "healthcheck", "--address", ln.Addr().String())
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
		cmd.Env = append(cmd.Env, name+"=http://127.0.0.1:1")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("healthcheck: %v\n%s", err, out)
	}
}

// TestHealthcheckAsksWhereTheServiceListens: in the container's health check nobody
// says an address.
func TestHealthcheckAsksWhereTheServiceListens(t *testing.T) {
	for _, tt := range []struct {
		address, listen string // what really listens, and LISTEN with its port
		exit            int
	}{
		{"127.0.0.1:0", ":%s", 0},
		{"127.0.0.1:0", "0.0.0.0:%s", 0},
		{"127.0.0.5:0", "127.0.0.5:%s", 0},
		{"[::1]:0", "[::1]:%s", 0},
		{"[::1]:0", "[::]:%s", 0},
		{"127.0.0.5:0", "localhost:%s", 1},
		{"127.0.0.1:0", "127.0.0.1:0", 2},
		{"127.0.0.1:0", "%s", 2},
	} {
		ln, err := net.Listen("tcp", tt.address)
		if err != nil {
			t.Fatal(err)
		}
		server := &httptest.Server{Listener: ln, Config: &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}}
		server.Start()
		defer server.Close()
		_, port, _ := net.SplitHostPort(ln.Addr().String())
		listen := strings.ReplaceAll(tt.listen, "%s", port)

		env := filepath.Join(t.TempDir(), "env")
		if err := os.WriteFile(env, []byte("LISTEN="+listen+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), commands(t).Bin+"/distributor", "healthcheck", "--env-file", env)
		cmd.Env = []string{}
		if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != tt.exit {
			t.Errorf("healthcheck with LISTEN=%s of a service on %s: exit code %d, want %d\n%s",
				listen, ln.Addr(), cmd.ProcessState.ExitCode(), tt.exit, out)
		}
	}
}
