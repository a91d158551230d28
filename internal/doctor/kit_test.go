package doctor_test

import (
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"wrpdistributor/internal/config"
	"wrpdistributor/internal/doctor"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service"
	"wrpdistributor/internal/service/servicetest"
)

// A sick is a pretend host that does not work, and the settings for it.
type sick struct {
	*pretend.Host
	t   *testing.T
	cfg *config.Config
	how doctor.Config
}

// newSick returns a host that works. What the test changes of cfg or how counts.
func newSick(t *testing.T, host pretend.Config, opt servicetest.Options) *sick {
	t.Helper()
	list := servicetest.StartHosts(t, 1, host)
	if opt.ReadyTimeout == 0 {
		opt.ReadyTimeout = 20 * time.Second
	}
	cfg := servicetest.Configure(t, list, opt)
	return &sick{Host: list[0], t: t, cfg: cfg, how: doctor.Config{Hosts: service.PoolConfig(cfg, "", nil), StartPort: cfg.StartPort, Place: "entry 1 of CONTAINER_HOSTS"}}
}

func (s *sick) check() doctor.Report {
	s.t.Helper()
	return check(s.t, s.how, s.cfg.Hosts[0])
}

func check(t *testing.T, how doctor.Config, h hosts.Host) doctor.Report {
	t.Helper()
	report, err := doctor.Check(t.Context(), how, h, doctor.Listener{End: func(s doctor.Step) { t.Logf("%+v %+v", s, s.Mend) }})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// last returns the last step of a list, which failed if any did.
func last(r doctor.Report) doctor.Step { return r.Steps[len(r.Steps)-1] }

// A cause is what a check has to find first, and what it has to say: parts of it.
type cause struct{ step, found, on, command string }

func (c cause) want(t *testing.T, r doctor.Report) {
	t.Helper()
	s := last(r)
	if r.Passed || s.Outcome != doctor.Failed || s.Name != c.step || !strings.Contains(s.Found, c.found) {
		t.Errorf("it ends with %+v, want that %q failed with %q", s, c.step, c.found)
	}
	if s.Mend == nil || s.Mend.On != c.on || !strings.Contains(s.Mend.Command, c.command) {
		t.Errorf("%+v mends it, want %q on %s", s.Mend, c.command, c.on)
	}
	failed := func(s doctor.Step) bool { return s.Outcome == doctor.Failed }
	if slices.IndexFunc(r.Steps, failed) != len(r.Steps)-1 {
		t.Errorf("the list goes on after what failed: %+v", r.Steps)
	}
}

// wantPassed fails the test if a step failed.
func wantPassed(t *testing.T, r doctor.Report) {
	t.Helper()
	if s := last(r); !r.Passed || s.Name != "container" || s.Outcome != doctor.Passed {
		t.Errorf("it ends with %+v, want a container that answers", s)
	}
}

// step returns a step by its name.
func step(t *testing.T, r doctor.Report, name string) doctor.Step {
	t.Helper()
	i := slices.IndexFunc(r.Steps, func(s doctor.Step) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("no step %q in %+v", name, r.Steps)
	}
	return r.Steps[i]
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// write writes a known_hosts file.
func write(t *testing.T, file, text string) {
	t.Helper()
	must(t, os.WriteFile(file, []byte(text), 0o600))
}

// hangUp returns the address of something that accepts connections and closes them.
func hangUp(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return ln.Addr().String()
}

// silent returns the address of something that takes no connections, and says nothing: a
// queue that is full.
func silent(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	must(t, err)
	t.Cleanup(func() { syscall.Close(fd) })
	must(t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must(t, syscall.Listen(fd, 0))
	at, err := syscall.Getsockname(fd)
	must(t, err)
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(at.(*syscall.SockaddrInet4).Port))
	refused := 0
	for range 16 {
		c, err := net.DialTimeout("tcp", addr, 100*time.Millisecond)
		if err == nil {
			t.Cleanup(func() { c.Close() })
			continue
		}
		if refused++; refused == 3 { // one may have been late
			return addr
		}
	}
	t.Fatal("the queue does not fill up")
	return ""
}
