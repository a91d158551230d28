package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
)

// withGateway switches the gateway on, and returns its address.
func (s *stack) withGateway() string {
	s.t.Helper()
	address := proctest.FreeAddr(s.t)
	s.set("GATEWAY_LISTEN", address)
	s.set("GATEWAY_ADDRESS", address)
	return address
}

// waiting waits until so many containers are warm.
func (s *stack) waiting(n int) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("%d containers wait", n), func() bool {
		return s.count("SELECT COUNT(*) FROM sessions WHERE state = 'warm'") == n
	})
}

// elsewhere returns an address of this machine that is not on the loopback.
func elsewhere(t *testing.T) string {
	t.Helper()
	list, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() {
			return n.IP.String()
		}
	}
	t.Fatal("this machine has no address but the loopback's, want that of docker0 at least")
	return ""
}

// The host's key allows no more than the gateway needs, and the distributor is
// restarted in between.
func TestGatewayIsTheOnlyWayToContainers(t *testing.T) {
	s := newStack(t, hoststest.StartSSHD(t, hoststest.SSHDOptions{KeyOptions: lockedToSocket}))
	address := s.withGateway()
	s.set("WARM_CONTAINERS", "1")
	s.start()
	s.waiting(1)
	first, second := s.put("one"), s.put("two")
	if first.URL != address || second.URL != address || first.Token == second.Token {
		t.Errorf("sessions are %+v and %+v, want both at %s with tokens of their own", first, second, address)
	}
	port := s.count("SELECT MIN(port) FROM sessions WHERE state = 'running'")
	for host, open := range map[string]bool{"127.0.0.1": true, elsewhere(t): false} {
		c, err := net.Dial("tcp", net.JoinHostPort(host, fmt.Sprint(port)))
		if err == nil {
			c.Close()
		}
		if (err == nil) != open {
			t.Errorf("the container's port on %s: %v, want open: %t", host, err, open)
		}
	}
	if code, _, body := s.request("GET", "http://"+address+"/?url=http://example.com/", first.Token, "one"); code != 200 || !strings.Contains(body, "<img") {
		t.Errorf("a page through the gateway = %d %q", code, body)
	}
	for _, path := range []string{"/shutdown/", "/shutdown", "//shutdown/", "/%73hutdown/"} {
		if code, _, _ := s.request("GET", "http://"+address+path, first.Token, "one"); code != 403 {
			t.Errorf("%s through the gateway = %d, want 403", path, code)
		}
	}
	s.plainBrowser(address, second.Token)

	s.proc.Kill()
	s.start()
	for _, session := range []handedOver{first, second} {
		if code, _, _ := s.request("GET", "http://"+address+"/", session.Token, "any"); code != 200 {
			t.Errorf("after a restart the session answers %d, want 200", code)
		}
	}
	if header, _ := s.do("PUT", "one", 204); header.Get("X-Wrp-Url") != address {
		t.Errorf("second PUT says %q, want %s", header.Get("X-Wrp-Url"), address)
	}
	s.do("DELETE", "one", 202)
	if code, _, body := s.request("GET", "http://"+address+"/", first.Token, "one"); code != 410 || !strings.Contains(body, "<p>") {
		t.Errorf("a stopped session answers %d %q, want 410 and a sentence", code, body)
	}
	if out := s.proc.Output(); strings.Contains(out, second.Token) || strings.Contains(out, first.Token) {
		t.Errorf("the log tells a token:\n%s", out)
	}
}

// plainBrowser opens a session as a browser does that cannot send headers.
func (s *stack) plainBrowser(address, token string) {
	s.t.Helper()
	code, header, _ := s.request("GET", "http://"+address+"/s/"+token+"/", "", "Mozilla/2.0")
	if code != 302 || header.Get("Location") != "http://"+address+"/" {
		s.t.Fatalf("/s/TOKEN/ = %d to %q", code, header.Get("Location"))
	}
	cookie, _, _ := strings.Cut(header.Get("Set-Cookie"), ";")
	for value, want := range map[string]int{cookie: 200, "": 401, cookie + "x": 401} {
		req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+address+"/", http.NoBody)
		if err != nil {
			s.t.Fatal(err)
		}
		req.Header.Set("Cookie", value)
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			s.t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			s.t.Errorf("with cookie %.12q...: %d, want %d", value, resp.StatusCode, want)
		}
	}
}

// The certificate is made by the gateway; no host has one.
func TestGatewayTLSKeepsItsCertificate(t *testing.T) {
	s := newStack(t, hoststest.StartSSHD(t, hoststest.SSHDOptions{}))
	s.withGateway()
	secure := proctest.FreeAddr(t)
	s.set("GATEWAY_TLS_LISTEN", secure)
	s.set("WARM_CONTAINERS", "1")
	s.start()
	s.waiting(1)
	got := s.putTLS("ssl=1")
	if got.URL != secure {
		t.Errorf("the session is at %s, want %s", got.URL, secure)
	}
	serial := s.page(got)
	s.proc.Kill()
	s.start()
	if again := s.page(got); again != serial {
		t.Error("another certificate was made after a restart")
	}
}

// page gets the session's page over TLS and returns the certificate's number.
func (s *stack) page(session handedOver) string {
	s.t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "https://"+session.URL+"/", http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Bearer", session.Token)
	resp, err := client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		s.t.Errorf("WRP over TLS = %d, want 200", resp.StatusCode)
	}
	cert := resp.TLS.PeerCertificates[0]
	if err := cert.VerifyHostname("127.0.0.1"); err != nil {
		s.t.Error(err)
	}
	return cert.SerialNumber.String()
}

// A host whose key does not let the gateway through is reported, and another takes
// its place.
func TestHostWithoutForwardingIsLeftOut(t *testing.T) {
	locked := hoststest.StartSSHD(t, hoststest.SSHDOptions{KeyOptions: lockedToStdio})
	s := newStack(t, locked, hoststest.StartSSHD(t, hoststest.SSHDOptions{}))
	s.set("CONTAINER_DISTRIBUTION_METHOD", "fillhost")
	s.withGateway()
	s.set("ADMIN_TOKEN", "operator")
	s.start()
	s.put("one")
	if n := s.count("SELECT COUNT(*) FROM sessions WHERE containerHost = '" + locked.Addr + "'"); n != 0 {
		t.Errorf("%d sessions are on the host that cannot be used", n)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.base+"/?format=json", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Bearer": {authToken}, "User-Agent": {"operator"}, "X-Admin-Token": {"operator"}}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var status struct {
		Hosts []struct{ Host, Detail string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&status); err != nil {
		t.Fatal(err)
	}
	if len(status.Hosts) != 2 || !strings.Contains(status.Hosts[0].Detail, `permitopen="127.0.0.1:*"`) {
		t.Errorf("status says %+v, want what the key lacks", status.Hosts)
	}
	if out := s.run(0, "distributor", "hosts", "list"); !strings.Contains(out, "permitopen") {
		t.Errorf("hosts list says %q", out)
	}
}

// Another container takes its place, and a restart keeps it, unless told not to.
func TestWarmContainerBecomesTheSession(t *testing.T) {
	s := newStack(t, hoststest.StartSSHD(t, hoststest.SSHDOptions{}))
	s.set("WARM_CONTAINERS", "1")
	s.start()
	s.waiting(1)
	id := s.count("SELECT id FROM sessions")
	s.put("one")
	if got := s.count("SELECT id FROM sessions WHERE clientUserAgent = 'one'"); got != id {
		t.Errorf("the session is number %d, want the one that waited, %d", got, id)
	}
	s.waiting(1)
	s.terminate()
	if n := s.count("SELECT COUNT(*) FROM sessions WHERE state = 'warm'"); n != 1 {
		t.Errorf("%d containers wait after the distributor ended, want 1", n)
	}
	s.set("WARM_RELEASE_ON_EXIT", "yes")
	s.start()
	s.put("two")
	s.waiting(1)
	s.terminate()
	if n := s.count("SELECT COUNT(*) FROM sessions WHERE state <> 'running'"); n != 0 {
		t.Errorf("%d containers wait after a distributor that was to remove them, want none", n)
	}
	s.run(0, "cleanup", "--all")
}

// terminate ends the distributor as its operators do.
func (s *stack) terminate() {
	s.t.Helper()
	s.proc.Signal(syscall.SIGTERM)
	select {
	case <-s.proc.Done():
	case <-time.After(2 * time.Minute):
		s.t.Fatalf("the distributor does not end:\n%s", s.proc.Output())
	}
}

// On a real engine: a request unfreezes, and cleanup stops what is frozen.
func TestFrozenSessionUnfreezesAndStops(t *testing.T) {
	s := newStack(t, hoststest.StartSSHD(t, hoststest.SSHDOptions{KeyOptions: lockedToSocket}))
	address := s.withGateway()
	s.set("FREEZE_AFTER", "30s")
	s.start()
	session := s.put("one")
	id := s.text("SELECT wrpContainerId FROM sessions")
	state := func() string { return hoststest.Docker(t, "inspect", "-f", "{{.State.Status}}", id) }
	freeze := func() {
		t.Helper()
		s.sql("UPDATE sessions SET started = UTC_TIMESTAMP() - INTERVAL 1 MINUTE, lastUsed = UTC_TIMESTAMP() - INTERVAL 1 MINUTE")
		s.eventually("the container is paused", func() bool { return state() == "paused" })
	}
	freeze()
	if code, _, _ := s.request("GET", "http://"+address+"/", session.Token, "one"); code != 200 || state() != "running" {
		t.Errorf("a request to a frozen session = %d, its container is %s; want 200 and running", code, state())
	}
	freeze()
	s.sql("UPDATE sessions SET started = UTC_TIMESTAMP() - INTERVAL 1 HOUR, lastUsed = UTC_TIMESTAMP() - INTERVAL 1 HOUR")
	if out := s.run(0, "cleanup", "--timeout", "10"); !strings.Contains(out, "1 sessions terminated successfully") {
		t.Errorf("cleanup of a frozen session says %q", out)
	}
	if n := s.count("SELECT COUNT(*) FROM sessions"); n != 0 {
		t.Errorf("%d sessions are left, want none", n)
	}
}

// The one also learns that the other has stopped a session.
func TestReplicasServeEachOthersSessions(t *testing.T) {
	one := newStack(t, hoststest.StartSSHD(t, hoststest.SSHDOptions{KeyOptions: lockedToSocket}))
	first := one.withGateway()
	one.start()
	two := *one
	two.Env = slices.Clone(one.Env)
	listen := proctest.FreeAddr(t)
	two.base = "http://" + listen
	two.set("LISTEN", listen)
	second := two.withGateway()
	two.start()
	session := one.put("one")
	for _, gateway := range []string{first, second} {
		if code, _, _ := one.request("GET", "http://"+gateway+"/", session.Token, "one"); code != 200 {
			t.Errorf("the session at %s = %d, want 200", gateway, code)
		}
	}
	two.do("DELETE", "one", 202)
	if code, _, _ := one.request("GET", "http://"+second+"/", session.Token, "one"); code != 410 {
		t.Errorf("a stopped session where it was ended = %d, want 410", code)
	}
	if code, _, _ := one.request("GET", "http://"+first+"/", session.Token, "one"); code != 410 && code != 502 {
		t.Errorf("a stopped session elsewhere = %d, want 410 or, once, 502", code)
	}
	if code, _, _ := one.request("GET", "http://"+first+"/", session.Token, "one"); code != 410 {
		t.Errorf("a stopped session elsewhere, again = %d, want 410", code)
	}
}
