package bench

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/proctest"
)

// The test binary, run again with these variables, is a process of another role.
const (
	roleVariable = "BENCH_ROLE"
	addrVariable = "BENCH_ADDR"

	roleHosts   = "hosts"   // pretend hosts
	roleNothing = "nothing" // an HTTP server whose handler does nothing
)

// TestMain runs the tests, or what a role does until it is killed.
func TestMain(m *testing.M) {
	role := map[string]func(addr string) error{roleHosts: serveHosts, roleNothing: serveNothing}[os.Getenv(roleVariable)]
	if role == nil {
		os.Exit(m.Run())
	}
	os.Stderr.WriteString(role(os.Getenv(addrVariable)).Error() + "\n")
	os.Exit(1)
}

// startRole starts a process of a role, and returns the address that it listens on.
func startRole(t *testing.T, role string) (addr string) {
	t.Helper()
	addr = proctest.FreeAddr(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role, addrVariable+"="+addr)
	p := proctest.Start(t, cmd)
	for deadline := time.Now().Add(answerTime); ; {
		v, err := newVisitor(t.Context(), addr)
		if err == nil {
			v.close()
			return addr
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v\n%s", role, err, p.Output())
		}
		select {
		case <-p.Done():
			t.Fatalf("%s has ended:\n%s", role, p.Output())
		case <-time.After(lookPause):
		}
	}
}

// A farm is pretend hosts in a process of their own, so that what they cost is not
// counted as ours.
type farm struct {
	url   string
	hosts []pretend.ManifestHost
}

func startFarm(t *testing.T, hosts int) *farm {
	t.Helper()
	f := &farm{url: "http://" + startRole(t, roleHosts)}
	m, err := call[int, pretend.Manifest](t.Context(), f.url+"/hosts", hosts)
	if err != nil {
		t.Fatal(err)
	}
	f.hosts = m.Hosts
	return f
}

// entries are the hosts as operators know them.
func (f *farm) entries(t *testing.T) []proctest.Host {
	t.Helper()
	list := make([]proctest.Host, len(f.hosts))
	for i, h := range f.hosts {
		known, err := pretend.Manifest{Hosts: f.hosts[i : i+1]}.KnownHosts()
		if err != nil {
			t.Fatal(err)
		}
		list[i] = proctest.Host{Name: h.SSHAddr, User: h.User, Key: []byte(h.ClientKey), KnownHosts: string(known)}
	}
	return list
}

// run starts the containers of a crowd, and returns their ids.
func (f *farm) run(ctx context.Context, c crowd) ([]string, error) {
	return call[crowd, []string](ctx, f.url+"/containers", c)
}

// A farmer is what the process of pretend hosts does.
type farmer struct{ pool *pretend.Pool }

func (f *farmer) start(n int) (m pretend.Manifest, err error) {
	f.pool, m, err = pretend.StartPool(n, pretend.Config{Addr: pretend.AnyAddr, Image: hoststest.Image, HasImage: true})
	return m, err
}

// run starts containers as those of sessions that have run for a while.
func (f *farmer) run(c crowd) ([]string, error) {
	ids := make([]string, c.N)
	for i := range ids {
		host := f.pool.Hosts[i%len(f.pool.Hosts)]
		info, err := host.ForeignContainer(c.container(i), c.labels(i), c.port(i, len(f.pool.Hosts)))
		if err != nil {
			return nil, err
		}
		ids[i] = info.ID
	}
	return ids, nil
}
