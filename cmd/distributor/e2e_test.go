package main

import (
	"crypto/tls"
	"database/sql"
	"encoding/xml"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
)

// A stack is a distributor that runs as its operators run it: the real program,
// configured by its environment, on OpenSSH, Docker and MariaDB.
type stack struct {
	proctest.Commands
	t    *testing.T
	db   *mysql.Config
	base string // URL
	proc *proctest.Process
}

const authToken = "correct horse"

// newStack prepares a stack on those hosts. Nothing runs yet.
func newStack(t *testing.T, hosts ...*hoststest.SSHD) *stack {
	t.Helper()
	return newStackOn(t, nil, hosts...)
}

// newStackOn is [newStack] on a database; nil: one of its own, with all tables.
func newStackOn(t *testing.T, db *mysql.Config, hosts ...*hoststest.SSHD) *stack {
	t.Helper()
	hoststest.StandIn(t)
	s := &stack{t: t, Commands: *commands(t), db: db}
	s.configure(hoststest.Image)
	s.set("CONNECT_TIMEOUT", "30s") // the machine may stand still for some seconds
	s.set("READY_TIMEOUT", "50s")
	var known []proctest.Host
	for _, h := range hosts {
		known = append(known, h.Host())
	}
	s.UseHosts(known...)
	t.Cleanup(s.removeContainers)
	return s
}

// configure sets what does not depend on the hosts, with a database of its own unless
// there is one.
func (s *stack) configure(image string) {
	s.t.Helper()
	if s.db == nil {
		s.db = databasetest.Migrated(s.t, "mysql").MySQL
	}
	listen := proctest.FreeAddr(s.t)
	s.base = "http://" + listen
	s.set("AUTH_TOKEN", authToken)
	s.set("LISTEN", listen)
	s.set("SESSION_DATABASE_DSN", s.db.FormatDSN())
	s.set("WRP_IMAGE", image)
	s.set("START_PORT", strconv.Itoa(proctest.FreeRange(s.t, 8)))
	s.set("MAX_CONTAINERS_RUNNING", "4")
}

func (s *stack) set(name, value string) { s.Set(name, value) }

// removeContainers removes what a failed test leaves.
func (s *stack) removeContainers() {
	if s.proc == nil {
		return
	}
	s.proc.Kill()
	db, err := sql.Open("mysql", s.db.FormatDSN())
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	var id string
	if err := db.QueryRow("SELECT databaseId FROM pool").Scan(&id); err != nil {
		s.t.Fatal(err)
	}
	hoststest.RemoveContainers(s.t, id)
}

// start starts the distributor and waits until it can hand out sessions.
func (s *stack) start() {
	s.t.Helper()
	s.launch()
	s.awaitReady()
}

func (s *stack) launch() {
	s.t.Helper()
	s.proc = proctest.Start(s.t, s.Command("distributor"))
}

// eventually waits until a condition holds that the running distributor brings
// about.
func (s *stack) eventually(what string, holds func() bool) {
	s.t.Helper()
	timeout := time.After(time.Minute)
	for !holds() {
		select {
		case <-s.proc.Done():
			s.t.Fatalf("never: %s; the distributor has ended:\n%s", what, s.proc.Output())
		case <-timeout:
			s.t.Fatalf("never: %s\n%s", what, s.proc.Output())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *stack) awaitReady() {
	s.t.Helper()
	proctest.AwaitReady(s.t, s.proc, s.base)
}

// run runs a program to its end and returns what it printed.
func (s *stack) run(code int, name string, args ...string) string {
	s.t.Helper()
	cmd := s.Command(name, args...)
	out, err := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != code {
		s.t.Errorf("%s %v: exit %d (%v), want %d\n%s", name, args, got, err, code, out)
	}
	return string(out)
}

// sql changes the database behind the distributor's back.
func (s *stack) sql(statement string) {
	s.t.Helper()
	db, err := sql.Open("mysql", s.db.FormatDSN())
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(s.t.Context(), statement); err != nil {
		s.t.Fatal(err)
	}
}

// request sends a request and returns status, headers and body.
func (s *stack) request(method, url, token, agent string) (int, http.Header, string) {
	s.t.Helper()
	a, err := proctest.Do(s.t.Context(), proctest.Request{Method: method, URL: url, Token: token, Agent: agent})
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, url, err)
	}
	return a.Code, a.Header, a.Body
}

// do sends a client's request to the distributor.
func (s *stack) do(method, agent string, want int) (http.Header, string) {
	s.t.Helper()
	code, header, body := s.request(method, s.base+"/", authToken, agent)
	if code != want {
		s.t.Fatalf("%s = %d %q, want %d\n%s", method, code, body, want, s.proc.Output())
	}
	return header, body
}

type handedOver = proctest.Session

var handedOverXML = regexp.MustCompile(`^<xml><wrpUrl>127\.\d+\.\d+\.\d+:\d+</wrpUrl><token>[0-9a-f]{40}</token></xml>$`)

// put starts a session and checks that it works.
func (s *stack) put(agent string) handedOver {
	s.t.Helper()
	header, body := s.do("PUT", agent, 202)
	if !handedOverXML.MatchString(body) || header.Get("Content-Type") != "text/xml;charset=UTF-8" {
		s.t.Errorf("PUT = %q (%s)", body, header.Get("Content-Type"))
	}
	var got handedOver
	if err := xml.Unmarshal([]byte(body), &got); err != nil {
		s.t.Fatal(err)
	}
	if code, _, _ := s.request("GET", "http://"+got.URL+"/", got.Token, agent); code != 200 {
		s.t.Errorf("WRP with token = %d, want 200", code)
	}
	if code, _, _ := s.request("GET", "http://"+got.URL+"/", "", agent); code != 401 {
		s.t.Errorf("WRP without token = %d, want 401", code)
	}
	return got
}

// mainJob is what a client does in its life.
func (s *stack) mainJob() {
	s.t.Helper()
	const agent = "AmiFox (end to end)"
	got := s.put(agent)
	header, body := s.do("PUT", agent, 204)
	if header.Get("X-Wrp-Url") != got.URL || header.Get("X-Wrp-Token") != got.Token || body != "" {
		s.t.Errorf("second PUT = %v %q, want the session of the first", header, body)
	}
	s.do("HEAD", agent, 204)
	s.do("DELETE", agent, 202)
	if c, err := net.Dial("tcp", got.URL); err == nil {
		c.Close()
		s.t.Errorf("something still listens on %s after DELETE", got.URL)
	}
	s.do("DELETE", agent, 204)
}

const (
	lockedToSocket = `restrict,port-forwarding,command="/bin/false",permitopen="[/var/run/docker.sock]:*",permitopen="127.0.0.1:*",permitlisten="127.0.0.1:1"`
	lockedToStdio  = `restrict,command="docker system dial-stdio"`
)

func TestMainJobWithEveryKindOfKey(t *testing.T) {
	for _, tt := range []struct {
		name string
		opt  hoststest.SSHDOptions
	}{
		{"plain key", hoststest.SSHDOptions{}},
		{"key with passphrase", hoststest.SSHDOptions{Passphrase: "open~sesame"}},
		{"key for socket and loopback only", hoststest.SSHDOptions{KeyOptions: lockedToSocket}},
		{"key for dial-stdio only", hoststest.SSHDOptions{KeyOptions: lockedToStdio}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStack(t, hoststest.StartSSHD(t, tt.opt))
			s.start()
			s.mainJob()
			if out := s.proc.Output(); strings.Contains(out, "open~sesame") || strings.Contains(out, authToken) {
				t.Errorf("the log tells a secret:\n%s", out)
			}
		})
	}
}

func TestOneHostDownLeavesTheOther(t *testing.T) {
	first, second := hoststest.StartSSHD(t, hoststest.SSHDOptions{}), hoststest.StartSSHD(t, hoststest.SSHDOptions{})
	s := newStack(t, first, second)
	s.set("MAX_CONTAINERS_RUNNING", "1,1")
	s.set("CONTAINER_DISTRIBUTION_METHOD", "fillhost")
	s.start()
	s.put("one")
	s.put("two")
	s.do("PUT", "three", 503)
	first.Kill()
	s.do("PUT", "one", 204)
	s.do("PUT", "two", 204)
	s.do("DELETE", "two", 202)
	s.do("DELETE", "one", 503)
	s.put("three")
	if out := s.run(1, "cleanup", "--timeout", "10"); !strings.Contains(out, "Host "+first.Addr+" could not be asked") {
		t.Errorf("cleanup with a host down says %q", out)
	}
	s.proc.Kill() // it would end the session by itself, as soon as the host is back
	first.Start()
	if out := s.run(0, "cleanup", "--timeout", "10"); !strings.Contains(out, "Cleanup of 1 sessions finished, 1 sessions terminated") {
		t.Errorf("cleanup with the host back says %q", out)
	}
}

func TestWrongHostKeyGetsNoSession(t *testing.T) {
	good, impostor := hoststest.StartSSHD(t, hoststest.SSHDOptions{}), hoststest.StartSSHD(t, hoststest.SSHDOptions{})
	text, err := os.ReadFile(good.KnownHosts)
	if err != nil {
		t.Fatal(err)
	}
	wrong := strings.Replace(string(text), portOf(good.Addr), portOf(impostor.Addr), 1)
	if err := os.WriteFile(impostor.KnownHosts, []byte(wrong), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newStack(t, impostor, good)
	s.set("CONTAINER_DISTRIBUTION_METHOD", "fillhost")
	s.start()
	s.mainJob()
	if out := s.proc.Output(); !strings.Contains(out, "key mismatch") {
		t.Errorf("the log does not say that the host key is wrong:\n%s", out)
	}
}

// putTLS starts a session for a client that asks for TLS with this body.
func (s *stack) putTLS(body string) handedOver {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPut, s.base, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header = http.Header{"Bearer": {authToken}, "User-Agent": {"AmiFox"}}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	var got handedOver
	if err := xml.NewDecoder(resp.Body).Decode(&got); err != nil || resp.StatusCode != http.StatusAccepted {
		s.t.Fatalf("PUT = %d, %v\n%s", resp.StatusCode, err, s.proc.Output())
	}
	return got
}

func TestTLSSessionHasTheHostsCertificate(t *testing.T) {
	s := newStack(t, hoststest.StartSSHD(t, hoststest.SSHDOptions{}))
	cert, key := hoststest.Certificate(t)
	s.set("CONTAINER_HOSTS_TLS_CERTS", cert+"~"+key)
	s.start()
	got := s.putTLS("ssl=true")
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	wrp, err := client.Get("https://" + got.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	wrp.Body.Close()
	if wrp.StatusCode != http.StatusUnauthorized {
		t.Errorf("WRP without token over TLS = %d, want 401", wrp.StatusCode)
	}
}

func portOf(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}

// Called wrongly, cleanup touches nothing.
func TestCleanupStopsIdleSessionsOnly(t *testing.T) {
	s := newStack(t, hoststest.StartSSHD(t, hoststest.SSHDOptions{}))
	s.start()
	idle := s.put("idle")
	busy := s.put("busy")
	s.sql("UPDATE sessions SET started = UTC_TIMESTAMP() - INTERVAL 20 MINUTE, lastUsed = UTC_TIMESTAMP() - INTERVAL 11 MINUTE WHERE clientUserAgent = 'idle'")
	for _, timeout := range []string{"0", "-5", "1.5", "abc", "99999999999999999999", ""} {
		s.run(2, "cleanup", "--timeout", timeout)
	}
	s.run(2, "cleanup", "1", "2")
	s.run(2, "cleanup", "--no-such-flag")
	if code, _, _ := s.request("GET", "http://"+idle.URL+"/", idle.Token, "idle"); code != 200 {
		t.Errorf("a wrong call stopped a session: WRP = %d", code)
	}
	if out := s.run(0, "cleanup", "--timeout", "10"); !strings.Contains(out, "Cleanup of 1 sessions finished, 1 sessions terminated successfully - 0 sessions failed to terminate.") {
		t.Errorf("cleanup says %q", out)
	}
	if _, err := net.Dial("tcp", idle.URL); err == nil {
		t.Errorf("the idle session still listens on %s", idle.URL)
	}
	if code, _, _ := s.request("GET", "http://"+busy.URL+"/", busy.Token, "busy"); code != 200 {
		t.Errorf("the busy session's WRP = %d, want 200", code)
	}
}
