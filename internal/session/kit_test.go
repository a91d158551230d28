package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

var (
	amiga = session.Client{IP: "192.0.2.1", UserAgent: "AmiFox/1.0 (a1200)"}
	atari = session.Client{IP: "192.0.2.1", UserAgent: "AmiFox/1.0 (falcon)"}
	st    = session.Client{IP: "192.0.2.2", UserAgent: "AmiFox/1.0 (falcon)"}
)

// newKit returns a service in which nothing runs out of time because the machine is
// busy.
func newKit(t *testing.T, db *database.DB, opt servicetest.Options) *servicetest.Kit {
	t.Helper()
	opt.StartTimeout = time.Hour
	list := servicetest.StartHosts(t, max(opt.Hosts, 1), opt.Pretend)
	k := &servicetest.Kit{Hosts: list, Config: servicetest.Configure(t, list, opt)}
	k.Config.ConnectTimeout = time.Minute
	k.Service = servicetest.Open(t, db, k.Config)
	k.Sessions.SetPatient(true)
	return k
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// hold makes a host's answers to requests for op wait for release, which has the
// requests sent again.
func hold(h *pretend.Host, op string) (release func()) {
	h.SetDelay(op, time.Hour)
	return func() {
		h.SetDelay(op, 0)
		h.DropConnections()
	}
}

// awaitStatements returns after n statements of others in this process, who all
// share SQLite's one connection.
func awaitStatements(t *testing.T, k *servicetest.Kit, n int) {
	t.Helper()
	waits := func() int64 { return k.DB.Stats().WaitCount }
	for n > 0 {
		before := waits()
		conn, err := k.DB.Conn(t.Context())
		must(t, err)
		if waits() == before { // else who waited may have been this one
			eventually(t, "a statement waits for the connection", func() bool { return waits() > before })
			n--
		}
		must(t, conn.Close())
	}
}

// inOneSecond calls fn again until the database's clock did not move meanwhile.
func inOneSecond(t *testing.T, k *servicetest.Kit, fn func()) {
	t.Helper()
	now := func() (s string) {
		must(t, k.DB.GetContext(t.Context(), &s, `SELECT `+k.DB.Now()))
		return s
	}
	for before := ""; before != now(); {
		before = now()
		fn()
	}
}

func exec(t *testing.T, k *servicetest.Kit, query string, args ...any) {
	t.Helper()
	_, err := k.DB.ExecContext(t.Context(), query, args...)
	must(t, err)
}

// watching returns a service whose event streams are open.
func watching(t *testing.T, db *database.DB) *servicetest.Kit {
	t.Helper()
	k := newKit(t, db, servicetest.Options{})
	watch(t, k)
	return k
}

// watch has a service follow what happens on its host.
func watch(t *testing.T, k *servicetest.Kit) {
	t.Helper()
	before := k.Hosts[0].Requests(pretend.OpEvents)
	ran := make(chan error)
	go func() { ran <- k.Pool.Run(t.Context(), k.Sessions) }()
	t.Cleanup(func() { must(t, <-ran) })
	eventually(t, "events are followed", func() bool { return k.Hosts[0].Requests(pretend.OpEvents) > before })
}

// withTLS returns options for hosts that have a certificate.
func withTLS(t *testing.T, opt servicetest.Options) servicetest.Options {
	t.Helper()
	cert, key := hoststest.Certificate(t)
	opt.TLS = &hosts.TLSFiles{Cert: cert, Key: key}
	return opt
}

func takePorts(t *testing.T, k *servicetest.Kit, ports ...int) {
	t.Helper()
	for _, port := range ports {
		release, err := k.Hosts[0].TakePort(port)
		must(t, err)
		t.Cleanup(release)
	}
}

// get asks a session's WRP for a page, and returns the status.
func get(t *testing.T, k *servicetest.Kit, s *session.Session, token, path string) int {
	t.Helper()
	h, err := k.Pool.Host(s.Host)
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s:%d%s", h.Address, s.Port, path), http.NoBody)
	must(t, err)
	req.Header.Set("Bearer", token)
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	resp.Body.Close()
	return resp.StatusCode
}

// wantServing checks that a session's WRP answers.
func wantServing(t *testing.T, k *servicetest.Kit, s *session.Session) {
	t.Helper()
	if code := get(t, k, s, s.Token, "/"); code != http.StatusOK {
		t.Errorf("WRP answers %d, want 200", code)
	}
}

// mustAllocate returns a session, and checks whether it is a fresh one.
func mustAllocate(t *testing.T, k *servicetest.Kit, c session.Client, wantFresh bool) *session.Session {
	t.Helper()
	s, fresh, err := k.Sessions.Allocate(t.Context(), c, false)
	if err != nil {
		t.Fatalf("Allocate for %s: %v", c.UserAgent, err)
	}
	if fresh != wantFresh {
		t.Errorf("Allocate for %s: fresh = %t, want %t", c.UserAgent, fresh, wantFresh)
	}
	return s
}

// allocating begins to allocate a session, and returns the error it ends with.
func allocating(t *testing.T, m *session.Manager, c session.Client) <-chan error {
	result := make(chan error, 1)
	go func() {
		_, _, err := m.Allocate(t.Context(), c, false)
		result <- err
	}()
	return result
}

func isFull(err error, reason string) bool {
	full, ok := errors.AsType[*session.FullError](err)
	return ok && strings.Contains(full.Error(), reason)
}

func reload(t *testing.T, k *servicetest.Kit, id int64) *session.Session {
	t.Helper()
	s, err := k.Store.ByID(t.Context(), id)
	must(t, err)
	return s
}

// rows returns how many rows are in each state, like "running:2 stopping:1".
func rows(t *testing.T, k *servicetest.Kit) string {
	t.Helper()
	all, err := k.Store.All(t.Context())
	must(t, err)
	count := make(map[session.State]int)
	for _, s := range all {
		count[s.State]++
	}
	var parts []string
	for _, state := range []session.State{session.Claimed, session.Warming, session.Warm, session.Starting, session.Running, session.Stopping} {
		if n := count[state]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s:%d", state, n))
		}
	}
	return strings.Join(parts, " ")
}

func wantRows(t *testing.T, k *servicetest.Kit, want string) {
	t.Helper()
	if got := rows(t, k); got != want {
		t.Errorf("rows = %q, want %q", got, want)
	}
}

func containers(k *servicetest.Kit) (ids []string) {
	for _, h := range k.Hosts {
		for _, c := range h.Containers() {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

func wantContainers(t *testing.T, k *servicetest.Kit, want int) {
	t.Helper()
	if got := len(containers(k)); got != want {
		t.Errorf("%d containers are there, want %d", got, want)
	}
}

// unused makes all sessions look as if nothing happened to them for some seconds.
func unused(t *testing.T, k *servicetest.Kit, seconds int) {
	t.Helper()
	exec(t, k, `UPDATE sessions SET started = `+k.DB.SecondsAgo()+`, lastUsed = NULL`, seconds)
}

// awaitStatement returns when another connection to MySQL is busy with a statement.
func awaitStatement(t *testing.T, db *database.DB, beginning string) {
	t.Helper()
	eventually(t, "a statement is under way: "+beginning, func() bool {
		rows, err := db.Queryx(`SHOW FULL PROCESSLIST`)
		must(t, err)
		defer rows.Close()
		for rows.Next() {
			connection := make(map[string]any)
			must(t, rows.MapScan(connection))
			if info, ok := connection["Info"].([]byte); ok && strings.HasPrefix(strings.TrimSpace(string(info)), beginning) {
				return true
			}
		}
		return false
	})
}
