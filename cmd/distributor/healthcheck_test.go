package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
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
