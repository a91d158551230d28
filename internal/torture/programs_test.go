package torture

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"wrpdistributor/internal/proctest"
)

const (
	authToken    = "torture"
	startPort    = 9090
	startTimeout = 15 * time.Second
	orphanGrace  = 3 * time.Second
	respawnPause = 200 * time.Millisecond
	freezeAfter  = 30 * time.Second // the least
)

// programs are the service: its commands, configured as operators do it.
type programs struct {
	*proctest.Commands
	t      *testing.T
	ledger *ledger

	distributors []*daemon
	repeating    *daemon // a cleanup that goes on

	entries []proctest.Host // all hosts
	gone    []string        // of these, those that do not stand in the file just now

	mu  sync.Mutex // guards all
	all []*proctest.Process
}

// A daemon is a program that is started again whenever it ends.
type daemon struct {
	name    string
	bin     string // folder of its program; empty: today's
	args    []string
	env     []string
	addr    string // host:port of a distributor
	gateway string // host:port of its gateway; empty: it has none

	proc      *proctest.Process // nil: not running
	disturbed bool              // not to be started again meanwhile
	reload    bool              // to be told that the file of hosts has changed
	respawn   time.Time         // not before
}

// newPrograms builds the commands and writes their configuration.
func newPrograms(t *testing.T, l *ledger, o options, db *mysql.Config, hosts []host, limits []int) *programs {
	t.Helper()
	var build []string
	if o.race {
		build = []string{"-race"}
	}
	p := &programs{Commands: proctest.Build(t, build...), t: t, ledger: l}
	p.useHosts(hosts, limits, o)
	p.Env = append(p.Env,
		"GORACE=halt_on_error=1",
		"AUTH_TOKEN="+authToken,
		"SESSION_DATABASE_DSN="+db.FormatDSN(),
		"START_PORT="+strconv.Itoa(startPort),
		"START_TIMEOUT="+startTimeout.String(),
		"ORPHAN_GRACE="+orphanGrace.String(),
		"READY_TIMEOUT=3s", "CONNECT_TIMEOUT=2s", "STOP_TIMEOUT=1s", "SHUTDOWN_TIMEOUT=2s",
		"WRP_IMAGE="+imageOf(o),
		"CONTAINER_DISTRIBUTION_METHOD="+[]string{"equal", "fillhost"}[o.seed%2],
		"WARM_CONTAINERS="+strconv.Itoa(o.warm),
	)
	for i := range 2 {
		p.distributors = append(p.distributors, newDistributor(t, i, o))
	}
	if o.old != "" {
		p.addOld(o)
	}
	p.repeating = &daemon{name: "repeating cleanup", args: []string{"cleanup", "--every", "2s"}, env: []string{"DATA_DIR=" + t.TempDir()}}
	l.logs, l.said = p.logsOf, p.saidOf
	return p
}

func newDistributor(t *testing.T, number int, o options) *daemon {
	t.Helper()
	addr := proctest.FreeAddr(t)
	d := &daemon{
		name: fmt.Sprintf("distributor %d", number), args: []string{"distributor"}, addr: addr,
		env: []string{"LISTEN=" + addr, fmt.Sprintf("INSTANCE=d%d", number), "DATA_DIR=" + t.TempDir()},
	}
	if o.gateway {
		d.gateway = proctest.FreeAddr(t)
		d.env = append(d.env, "GATEWAY_LISTEN="+d.gateway, "FREEZE_AFTER="+freezeAfter.String())
	}
	if o.letsPeopleIn() {
		d.env = append(d.env, "PORTAL=accounts")
	}
	return d
}

// start starts a program. It is only called by the test's own goroutine.
func (p *programs) start(env []string, args ...string) *proctest.Process {
	return p.startFrom(p.Bin, env, args...)
}

// startFrom is [programs.start] for a program in some folder.
func (p *programs) startFrom(bin string, env []string, args ...string) *proctest.Process {
	from := *p.Commands
	from.Bin = bin
	cmd := from.Command(args[0], args[1:]...)
	cmd.Env = append(cmd.Env, env...)
	proc := proctest.Start(p.t, cmd)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, proc)
	return proc
}

func (p *programs) daemons() []*daemon { return append([]*daemon{p.repeating}, p.distributors...) }

// restart starts daemons that have ended, unless they are disturbed, as a service
// manager would.
func (p *programs) restart() {
	for _, d := range p.daemons() {
		if d.proc != nil && ended(d.proc) {
			p.ledger.add(p.ledger.now(), about{client: nobody}, "%s has ended: exit %d", d.name, d.proc.ExitCode())
			d.proc, d.respawn = nil, time.Now().Add(respawnPause)
		}
		if d.proc == nil && !d.disturbed && time.Now().After(d.respawn) {
			d.proc = p.startFrom(cmp.Or(d.bin, p.Bin), d.env, d.args...)
			d.reload = false // it reads what stands in the file now
			p.ledger.add(p.ledger.now(), about{client: nobody}, "%s is started", d.name)
		}
	}
	p.tell()
}

func ended(p *proctest.Process) bool {
	select {
	case <-p.Done():
		return true
	default:
		return false
	}
}

// disturb sends a signal to a running daemon, and returns how to end what comes
// of it. It reports false if the daemon is disturbed already or does not run.
func (p *programs) disturb(d *daemon, how syscall.Signal) (end func(), ok bool) {
	if d.proc == nil || d.disturbed || ended(d.proc) {
		return nil, false
	}
	d.disturbed = true
	proc := d.proc
	proc.Signal(how)
	return func() {
		d.disturbed = false
		if how == syscall.SIGSTOP {
			proc.Signal(syscall.SIGCONT)
		}
	}, true
}

// killAll kills everything for good, as a power cut would.
func (p *programs) killAll() {
	for _, d := range p.daemons() {
		d.disturbed, d.proc = true, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, proc := range p.all {
		proc.Kill()
	}
}

// cleanup runs one cleanup to its end.
func (p *programs) cleanup(args ...string) (code int, output string) {
	proc := p.start(p.repeating.env, append([]string{"cleanup"}, args...)...)
	select {
	case <-proc.Done():
		return proc.ExitCode(), proc.Output()
	case <-time.After(deadline):
		proc.Kill()
		return -1, "it did not end within " + deadline.String() + "\n" + proc.Output()
	}
}

// awaitReady waits until all distributors can hand out sessions.
func (p *programs) awaitReady() error {
	for begin := p.ledger.now(); ; time.Sleep(lookPause) {
		p.restart()
		ready := 0
		for _, d := range p.distributors {
			if code, _ := get(p.t.Context(), proctest.Request{URL: "http://" + d.addr + "/readyz"}); code == http.StatusOK {
				ready++
			}
		}
		if ready == len(p.distributors) {
			return nil
		}
		if p.ledger.now() > begin+deadline {
			return fmt.Errorf("%d of %d distributors are ready after %s without trouble; they say:\n%s", ready, len(p.distributors), deadline, p.tails())
		}
	}
}

func (p *programs) outputs() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var texts []string
	for _, proc := range p.all {
		texts = append(texts, proc.Output())
	}
	return texts
}

func (p *programs) tails() string {
	var b strings.Builder
	for _, d := range p.distributors {
		if d.proc != nil {
			out := d.proc.Output()
			fmt.Fprintf(&b, "%s: …%s\n", d.name, out[max(0, len(out)-2000):])
		}
	}
	return b.String()
}

// logsOf returns what the programs said of a session.
func (p *programs) logsOf(session int64) []string {
	var lines []string
	for _, text := range p.outputs() {
		for line := range strings.Lines(text) {
			if strings.Contains(line, fmt.Sprintf("session=%d ", session)) || strings.Contains(line, fmt.Sprintf("ession %d ", session)) ||
				strings.Contains(line, fmt.Sprintf("_%d ", session)) {
				lines = append(lines, strings.TrimSpace(line))
			}
		}
	}
	slices.Sort(lines) // they begin with the time
	return lines
}

// saidOf returns what a program said of a request that it refused.
func (p *programs) saidOf(request string) string {
	for _, text := range p.outputs() {
		if at := strings.Index(text, "request="+request+" "); request != "" && at >= 0 {
			line, _, _ := strings.Cut(text[at:], "\n")
			return line
		}
	}
	return ""
}

// crashed returns the first crash that a program reported of itself.
func (p *programs) crashed() string {
	for _, text := range p.outputs() {
		for _, sign := range []string{"panic:", "fatal error:", "DATA RACE"} {
			if at := strings.Index(text, sign); at >= 0 {
				return text[at:min(len(text), at+4000)]
			}
		}
	}
	return ""
}
