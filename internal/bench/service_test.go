package bench

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
)

const (
	authToken  = "bench"
	limit      = 4  // containers of one distributor
	portsEach  = 20 // that many, and those it may step aside to
	labelOfDB  = "wrpdistributor.database"
	answerTime = time.Minute
	idleTime   = 2 * time.Minute
	lookPause  = 20 * time.Millisecond
	firstPage  = "/?url=http://example.com/"
)

// A service is one distributor, with a database and ports of its own.
type service struct {
	t    *testing.T
	name string
	base string // URL
	db   *mysql.Config
	id   string // of the database, which its containers carry
	proc *proctest.Process
	warm int // containers that should wait
}

// startService starts a distributor on the bench's host. It ends with t, and so
// do its containers.
func (b *bench) startService(t *testing.T, name string, port, warm int, env ...string) *service {
	t.Helper()
	listen := proctest.FreeAddr(t)
	s := &service{t: t, name: name, base: "http://" + listen, db: databasetest.Config(t, "mysql").MySQL, warm: warm}
	c := b.commands.For(t)
	c.UseHosts(b.sshd.Host())
	c.Env = append(c.Env,
		"AUTH_TOKEN="+authToken,
		"LISTEN="+listen,
		"SESSION_DATABASE_DSN="+s.db.FormatDSN(),
		"MAX_CONTAINERS_RUNNING="+strconv.Itoa(limit),
		"START_PORT="+strconv.Itoa(port),
		"WARM_CONTAINERS="+strconv.Itoa(warm),
		"WRP_IMAGE="+hoststest.Image,
		"WRP_ARGS="+b.wrpArgs(),
	)
	c.Env = append(c.Env, env...) // of two that are set, the last one counts
	t.Cleanup(s.removeContainers)
	s.proc = c.Start("distributor")
	proctest.AwaitReady(t, s.proc, s.base)
	s.learnID(b.ctx)
	return s
}

// removeContainers runs after the distributor was killed.
func (s *service) removeContainers() {
	if s.id != "" {
		hoststest.RemoveContainers(s.t, s.id)
	}
}

func (s *service) learnID(ctx context.Context) {
	s.t.Helper()
	db, err := sql.Open("mysql", s.db.FormatDSN())
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(ctx, "SELECT databaseId FROM pool").Scan(&s.id); err != nil {
		s.t.Fatal(err)
	}
}

// do sends a client's request, and returns the answer and how long it took until
// that was read.
func (s *service) do(ctx context.Context, method, url, token string, want int) (proctest.Answer, time.Duration) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	begun := time.Now()
	a, err := proctest.Do(ctx, proctest.Request{Method: method, URL: url, Token: token, Agent: "AmiFox (bench)"})
	took := time.Since(begun)
	if err != nil || a.Code != want {
		s.t.Fatalf("%s: %s %s = %d %q, %v, want %d\n%s", s.name, method, url, a.Code, a.Body, err, want, s.proc.Output())
	}
	return a, took
}

// put starts a session.
func (s *service) put(ctx context.Context) (proctest.Session, time.Duration) {
	s.t.Helper()
	a, took := s.do(ctx, http.MethodPut, s.base+"/", authToken, http.StatusAccepted)
	got, err := a.Session()
	if err != nil {
		s.t.Fatalf("%s: PUT = %q: %v", s.name, a.Body, err)
	}
	return got, took
}

func (s *service) delete(ctx context.Context) {
	s.t.Helper()
	s.do(ctx, http.MethodDelete, s.base+"/", authToken, http.StatusAccepted)
}

// awaitIdle waits until nobody has a session and all containers that should wait
// do, so that there is nothing left to prepare or to remove.
func (s *service) awaitIdle(ctx context.Context, h *rawHost) {
	s.t.Helper()
	var last string
	for deadline := time.Now().Add(idleTime); time.Now().Before(deadline); {
		list, err := h.list(ctx, labelOfDB+"="+s.id)
		if err != nil {
			s.t.Fatal(err)
		}
		a, _ := s.do(ctx, http.MethodGet, s.base+"/?format=json", authToken, http.StatusOK)
		var status struct {
			Active  int `json:"activeSessions"`
			Running int `json:"containersRunning"`
		}
		if err := json.Unmarshal([]byte(a.Body), &status); err != nil {
			s.t.Fatal(err)
		}
		// Those that run are for a client or warm.
		if status.Active == 0 && status.Running == s.warm && len(list) == s.warm {
			return
		}
		last = fmt.Sprintf("%d containers, %s", len(list), a.Body)
		select {
		case <-ctx.Done():
			s.t.Fatal("interrupted")
		case <-time.After(lookPause):
		}
	}
	s.t.Fatalf("%s: still %s\n%s", s.name, last, s.proc.Output())
}
