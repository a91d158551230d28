package bench

import (
	"context"
	"database/sql"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
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
	quietTime  = time.Minute
	lookPause  = 20 * time.Millisecond
	patience   = 20 * time.Second // with a distributor that starts
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
	cmd  *exec.Cmd
	warm int // containers that should wait
}

// startService starts a distributor on the bench's host. It ends with t, and so
// do its containers.
func (b *bench) startService(t *testing.T, name string, port, warm int, env ...string) *service {
	t.Helper()
	listen := proctest.FreeAddr(t)
	s := &service{t: t, name: name, base: "http://" + listen, db: databasetest.Config(t, "mysql").MySQL, warm: warm}
	s.cmd = exec.Command(filepath.Join(b.bin, "distributor"))
	s.cmd.Dir = t.TempDir()
	b.writeKeys(t, filepath.Join(s.cmd.Dir, "ssh"))
	s.cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.cmd.Dir,
		"AUTH_TOKEN=" + authToken,
		"LISTEN=" + listen,
		"SESSION_DATABASE_DSN=" + s.db.FormatDSN(),
		"CONTAINER_HOSTS=" + b.sshd.Addr,
		"CONTAINER_HOSTS_KEYS=" + b.sshd.User + "~key",
		"MAX_CONTAINERS_RUNNING=" + strconv.Itoa(limit),
		"START_PORT=" + strconv.Itoa(port),
		"WARM_CONTAINERS=" + strconv.Itoa(warm),
		"WRP_IMAGE=" + hoststest.Image,
		"WRP_ARGS=" + b.wrpArgs(),
	}, env...)
	t.Cleanup(s.removeContainers)
	s.proc = proctest.Start(t, s.cmd)
	s.awaitReady(b.ctx)
	s.learnID(b.ctx)
	return s
}

// writeKeys puts key and known_hosts where an operator would.
func (b *bench) writeKeys(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for from, name := range map[string]string{b.sshd.KeyFile: "key", b.sshd.KnownHosts: "known_hosts"} {
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// removeContainers runs after the distributor was killed.
func (s *service) removeContainers() {
	if s.id != "" {
		hoststest.RemoveContainers(s.t, s.id)
	}
}

func (s *service) awaitReady(ctx context.Context) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		code, _, err := s.request(ctx, http.MethodGet, s.base+"/readyz", "", "")
		if err == nil && code == http.StatusOK {
			return
		}
		select {
		case <-s.proc.Done():
			s.t.Fatalf("%s: the distributor ended:\n%s", s.name, s.proc.Output())
		case <-ctx.Done():
			s.t.Fatal("interrupted")
		case <-time.After(lookPause):
		}
	}
	s.t.Fatalf("%s: the distributor does not get ready:\n%s", s.name, s.proc.Output())
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

// request sends a request as a retro client does, over a connection of its own.
func (s *service) request(ctx context.Context, method, url, token, agent string) (int, string, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return 0, "", err
	}
	if token != "" {
		req.Header.Set("Bearer", token)
	}
	req.Header.Set("User-Agent", agent)
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

// do sends a client's request, and returns the body and how long it took until
// that was read.
func (s *service) do(ctx context.Context, method, url, token string, want int) (string, time.Duration) {
	s.t.Helper()
	begun := time.Now()
	code, body, err := s.request(ctx, method, url, token, "AmiFox (bench)")
	took := time.Since(begun)
	if err != nil || code != want {
		s.t.Fatalf("%s: %s %s = %d %q, %v, want %d\n%s", s.name, method, url, code, body, err, want, s.proc.Output())
	}
	return body, took
}

type handedOver struct {
	URL   string `xml:"wrpUrl"`
	Token string `xml:"token"`
}

// put starts a session.
func (s *service) put(ctx context.Context) (handedOver, time.Duration) {
	s.t.Helper()
	body, took := s.do(ctx, http.MethodPut, s.base+"/", authToken, http.StatusAccepted)
	var got handedOver
	if err := xml.Unmarshal([]byte(body), &got); err != nil {
		s.t.Fatalf("%s: PUT = %q: %v", s.name, body, err)
	}
	return got, took
}

func (s *service) delete(ctx context.Context) {
	s.t.Helper()
	s.do(ctx, http.MethodDelete, s.base+"/", authToken, http.StatusAccepted)
}

// awaitQuiet waits until nobody has a session and all containers that should wait
// do, so that there is nothing left to prepare or to remove.
func (s *service) awaitQuiet(ctx context.Context, h *rawHost) {
	s.t.Helper()
	var last string
	for deadline := time.Now().Add(quietTime); time.Now().Before(deadline); {
		list, err := h.list(ctx, labelOfDB+"="+s.id)
		if err != nil {
			s.t.Fatal(err)
		}
		body, _ := s.do(ctx, http.MethodGet, s.base+"/?format=json", authToken, http.StatusOK)
		var status struct {
			Active  int `json:"activeSessions"`
			Running int `json:"containersRunning"`
		}
		if err := json.Unmarshal([]byte(body), &status); err != nil {
			s.t.Fatal(err)
		}
		// Those that run are for a client or warm.
		if status.Active == 0 && status.Running == s.warm && len(list) == s.warm {
			return
		}
		last = fmt.Sprintf("%d containers, %s", len(list), body)
		select {
		case <-ctx.Done():
			s.t.Fatal("interrupted")
		case <-time.After(lookPause):
		}
	}
	s.t.Fatalf("%s: still %s\n%s", s.name, last, s.proc.Output())
}
