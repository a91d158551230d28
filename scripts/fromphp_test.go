package scripts_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/proctest"
)

// TestE2EFromPHP is what an operator of the PHP program does who takes this one: over and
// back, by the commands of docs/migrate-from-php.md, while sessions run. Of the PHP
// program there is what it leaves: .env, ssh, a database with a month of statistics, and
// containers, as docker and SQL alone make them.
func TestE2EFromPHP(t *testing.T) {
	proctest.E2E(t)
	hoststest.StandIn(t)
	if os.Geteuid() != 0 {
		hoststest.Missing(t, "root, who gives the keys to the stack's user")
	}
	t.Run("under a web server", func(t *testing.T) {
		w := newWebServer(t)
		w.takenOver(w)
	})
	t.Run("in Compose", func(t *testing.T) {
		c := newComposed(t)
		c.takenOver(c)
	})
}

// An installation is one of the ways in which the PHP program runs, and ours after it.
type installation interface {
	leavePHP(tables string)           // as it is when it has been stopped
	over()                            // until ours serves
	ask(args ...string) string        // a command of the distributor
	clean() string                    // what cleanup says
	back()                            // until the PHP program could serve
	php(statements string) string     // asks the database that it left
	current(statements string) string // asks the one that counts just now
	log() string                      // of our distributor
}

// A legacy is what the PHP program leaves, and who its clients are.
type legacy struct {
	t        *testing.T
	document document
	phpDir   string
	newDir   string
	names    []string // in the document, each followed by the one of this test
	env      []string // of whatever is typed
	base     string   // URL of ours
	host     string   // in CONTAINER_HOSTS
	port     int      // START_PORT

	used, idle, stays *phpSession
}

// A phpSession is one that the PHP program started.
type phpSession struct {
	id, port  int
	agent     string
	container string
}

const (
	clientOfPHP = "192.0.2.1" // the address of all of them, as the web server tells it
	tokenOfPHP  = "putMoreSecureValueHere"
	daysOfPHP   = 30
	rowsOfPHP   = daysOfPHP * 24 * 6 // one in ten minutes
)

func newLegacy(t *testing.T, host string, key []byte, env ...string) *legacy {
	t.Helper()
	l := &legacy{t: t, document: readDocument(t, "migrate-from-php.md"), phpDir: t.TempDir(), host: host, port: proctest.FreeRange(t, 40)}
	l.newDir = newFolder(t, nil, "go.mod", "go.sum", "cmd", "internal", "migrations", "docker", "docs", "packaging", "Makefile")
	write(t, filepath.Join(l.phpDir, "ssh", "id_host"), string(key), 0o600)
	write(t, filepath.Join(l.phpDir, ".env"), strings.Join(append([]string{
		"MAX_CONTAINERS_RUNNING=5", "CONTAINER_HOSTS=" + host, "CONTAINER_HOSTS_KEYS=root~id_host",
		"# must be absolute paths (on the respective container host!)", "CONTAINER_HOSTS_TLS_CERTS=/dev/null~/dev/null",
		"CONTAINER_DISTRIBUTION_METHOD=fillhost", "SESSION_DATABASE_USER=wrpdistributor", "SESSION_DATABASE_PASS=wrpdistributor",
		"START_PORT=" + strconv.Itoa(l.port), "AUTH_TOKEN=" + tokenOfPHP,
	}, env...), "\n")+"\n", 0o600)
	address, port, _ := strings.Cut(host, ":")
	l.names = []string{"PHP=/var/www/wrpdistributor", "PHP=" + l.phpDir, "NEW=/opt/wrp-distributor", "NEW=" + l.newDir, "-p 22 HOST", "-p " + port + " " + address}
	for i, s := range []**phpSession{&l.used, &l.idle, &l.stays} {
		*s = l.startAsPHP(i, []string{"AmiFox (used)", "AmiFox (idle)", "AmiFox (stays)"}[i])
	}
	return l
}

// startAsPHP starts a container as the PHP program does. Its name tells the session's id,
// which is one that no other test on this engine has.
func (l *legacy) startAsPHP(i int, agent string) *phpSession {
	l.t.Helper()
	s := &phpSession{id: 100*os.Getpid() + l.port%10*10 + i, port: l.port + i, agent: agent}
	s.container = hoststest.Docker(l.t, "run", "--rm", "--name", fmt.Sprint("wrp_session_", s.id), "-d", "-p", fmt.Sprint(s.port, ":8080"),
		hoststest.Image, "-O", "-n", "-token", "known-to-the-client", "-log", "/dev/null")
	l.t.Cleanup(func() { _ = exec.Command("docker", "rm", "-f", s.container).Run() })
	return s
}

// tables returns the statements that make the PHP program's database.
func (l *legacy) tables() string {
	l.t.Helper()
	ddl, err := os.ReadFile(filepath.Join(hoststest.Root(l.t), "internal", "database", "testdata", "original.sql"))
	if err != nil {
		l.t.Fatal(err)
	}
	var text strings.Builder
	text.Write(ddl)
	text.WriteString("INSERT INTO doctrine_migration_versions VALUES ('DoctrineMigrations\\\\Version20230221154256', NOW(), 41);\n")
	for _, s := range []*phpSession{l.used, l.idle, l.stays} {
		fmt.Fprintf(&text, "INSERT INTO sessions (id, clientIp, clientUserAgent, wrpContainerId, containerHost, port, lastUsed) VALUES (%d, '%s', '%s', '%s', '%s', %d, NOW());\n",
			s.id, clientOfPHP, s.agent, s.container, l.host, s.port)
	}
	// A client that asked for nothing but the status, as each of them left a row.
	text.WriteString("INSERT INTO sessions (clientIp, clientUserAgent) VALUES ('192.0.2.9', 'a browser');\n")
	text.WriteString("INSERT INTO statistics (activeSessions, containersRunningTotal, remainingContainersTotal, containerHostsAvailable, containersInUsePerHost, timeOfCapture, uniqueClientIps) VALUES\n")
	for i := range rowsOfPHP {
		fmt.Fprintf(&text, "(3, 2, 3, 1, 'a:1:{s:%d:\"%s\";i:2;}', NOW() - INTERVAL %d MINUTE, 1)%s\n",
			len(l.host), l.host, 10*(rowsOfPHP-i), map[bool]string{true: ",", false: ";"}[i < rowsOfPHP-1])
	}
	return text.String()
}

// takenOver is the whole story.
func (l *legacy) takenOver(in installation) {
	l.t.Helper()
	in.leavePHP(l.tables())
	before := l.whatPHPHas(in)
	in.over()
	id := in.current("SELECT databaseId FROM pool")
	l.t.Cleanup(func() { hoststest.RemoveContainers(l.t, id) })
	l.answers(in)
	l.reaps(in)
	l.showsOldDays(in)
	ours := l.startsAnother(in)
	in.back()
	l.isPHPsAgain(in, before, ours)
	l.leavesNothing(id)
}

// do sends a request of one of the clients, by way of the web server.
func (l *legacy) do(in installation, method, agent string, want int) proctest.Answer {
	l.t.Helper()
	a, err := proctest.Do(l.t.Context(), proctest.Request{Method: method, URL: l.base + "/", Token: tokenOfPHP, Agent: agent, Client: clientOfPHP})
	if err != nil || a.Code != want {
		l.t.Fatalf("%s of %s: %+v, %v; want %d\n%s", method, agent, a, err, want, in.log())
	}
	return a
}

// answers: a session of before is the client's, works, and ends when the client says so.
func (l *legacy) answers(in installation) {
	l.t.Helper()
	l.do(in, http.MethodHead, l.used.agent, http.StatusNoContent)
	a := l.do(in, http.MethodPut, l.used.agent, http.StatusNoContent)
	address, _, _ := strings.Cut(l.host, ":")
	url := fmt.Sprint(address, ":", l.used.port)
	if a.Header.Get("X-Wrp-Url") != url || a.Header.Get("X-Wrp-Token") != "" {
		l.t.Errorf("PUT of a session of before: %v, want its address %s and no token", a.Header, url)
	}
	if n := in.current("SELECT COUNT(*) FROM sessions"); n != "3" {
		l.t.Errorf("there are %s sessions, want the three that had containers", n)
	}
	wrp, err := proctest.Do(l.t.Context(), proctest.Request{Method: http.MethodGet, URL: "http://" + url + "/", Token: "known-to-the-client", Agent: l.used.agent})
	if err != nil || wrp.Code != http.StatusOK {
		l.t.Errorf("its WRP: %+v, %v; want 200", wrp, err)
	}
	l.do(in, http.MethodDelete, l.used.agent, http.StatusAccepted)
	l.isGone(l.used.container)
	l.do(in, http.MethodDelete, l.used.agent, http.StatusNoContent)
}

// reaps: one of before that nobody uses ends, the other does not.
func (l *legacy) reaps(in installation) {
	l.t.Helper()
	if out := in.clean(); !strings.Contains(out, "Cleanup of 0 sessions finished") {
		l.t.Errorf("cleanup just after the take-over says %s, want that nobody is idle yet", out)
	}
	in.current(fmt.Sprintf("UPDATE sessions SET lastUsed = UTC_TIMESTAMP() - INTERVAL 11 MINUTE WHERE id = %d", l.idle.id))
	if out := in.clean(); !strings.Contains(out, "- 0 sessions failed") { // the stack's own cleanup may come first
		l.t.Errorf("cleanup with an idle session says %s", out)
	}
	l.isGone(l.idle.container)
	if n := in.current(fmt.Sprint("SELECT COUNT(*) FROM sessions WHERE id = ", l.idle.id)); n != "0" {
		l.t.Error("the session that is idle is still there")
	}
	l.do(in, http.MethodPut, l.stays.agent, http.StatusNoContent)
}

// showsOldDays: the dashboard and the command know what the PHP program wrote.
func (l *legacy) showsOldDays(in installation) {
	l.t.Helper()
	settings, err := os.ReadFile(filepath.Join(l.newDir, ".env"))
	if err != nil {
		l.t.Fatal(err)
	}
	_, token, found := strings.Cut(string(settings), "\nADMIN_TOKEN=")
	if !found {
		l.t.Fatal(".env has no ADMIN_TOKEN")
	}
	token, _, _ = strings.Cut(token, "\n")
	days := strings.Split(in.current("SELECT DISTINCT DATE(timeOfCapture) AS day FROM statistics WHERE DATE(timeOfCapture) BETWEEN UTC_DATE() - INTERVAL 28 DAY AND UTC_DATE() - INTERVAL 1 DAY"), "\n")
	if len(days) != 28 {
		l.t.Fatalf("the statistics know %d whole days, want 28: %v", len(days), days)
	}
	eventually(l.t, "the dashboard shows all days", func() bool {
		page, err := proctest.Do(l.t.Context(), proctest.Request{Method: http.MethodGet, URL: l.base + "/dashboard", Header: http.Header{"Authorization": {"Bearer " + token}}})
		if err != nil || page.Code != http.StatusOK {
			l.t.Fatalf("the dashboard: %+v, %v", page, err)
		}
		for _, day := range days {
			if !strings.Contains(page.Body, "<tr><td>"+day+`</td><td class="n">3.0</td><td class="n">3</td><td class="n">1.0</td>`) {
				return false
			}
		}
		return true
	})

	var all operator.Statistics
	if err := json.Unmarshal([]byte(in.ask("statistics", "--since", "31d", "--json")), &all); err != nil {
		l.t.Fatal(err)
	}
	if all.Samples <= rowsOfPHP || len(all.Steps) < daysOfPHP || all.Steps[1].Sessions != 3 {
		l.t.Errorf("statistics: %+v, want more than %d samples, in %d days or more, of 3 sessions", all, rowsOfPHP, daysOfPHP)
	}
}

// startsAnother: a client that comes now has a session as any other. It returns its
// container.
func (l *legacy) startsAnother(in installation) string {
	l.t.Helper()
	const agent = "AmiFox (new)"
	given, err := l.do(in, http.MethodPut, agent, http.StatusAccepted).Session()
	if err != nil {
		l.t.Fatal(err)
	}
	wrp, err := proctest.Do(l.t.Context(), proctest.Request{Method: http.MethodGet, URL: "http://" + given.URL + "/", Token: given.Token, Agent: agent})
	if err != nil || wrp.Code != http.StatusOK {
		l.t.Errorf("WRP of a new session: %+v, %v; want 200", wrp, err)
	}
	l.do(in, http.MethodDelete, agent, http.StatusAccepted)
	l.do(in, http.MethodPut, agent, http.StatusAccepted)
	container := in.current("SELECT wrpContainerId FROM sessions WHERE clientUserAgent = '" + agent + "'")
	if hoststest.Docker(l.t, "ps", "-q", "--no-trunc", "--filter", "id="+container) != container {
		l.t.Fatalf("the container of a new session, %q, does not run", container)
	}
	return container
}
