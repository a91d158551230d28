package hosts

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/porttest"
)

// looks is how long a connection may take that should not come about. One that
// should is tried again, so that a slow machine fails no test.
const looks = time.Second

// A neighbourhood is two containers, of sessions A and B, on one engine.
type neighbourhood struct {
	pool    *Pool
	a, b    Spec
	inside  string // A's network namespace
	address string // of B's container
}

// startNeighbours starts two sessions on a network; empty: ours.
func startNeighbours(t *testing.T, network string, gateway bool) *neighbourhood {
	t.Helper()
	hoststest.NetworkTools(t)
	p, id := realPool(t)
	p.hosts[0].cfg.Container.Network.Name = network
	p.CheckHealth(t.Context())
	if st := p.Status()[0]; st.State != Up {
		t.Fatalf("status = %+v", st)
	}
	n := &neighbourhood{pool: p}
	for i, s := range []*Spec{&n.a, &n.b} {
		*s = Spec{Ref: Ref{Host: "local", Name: fmt.Sprintf("wrp_%s_%d", id[:8], i), Session: int64(i + 1), Nonce: "n"},
			Port: porttest.Free(t), Token: "secret", Gateway: gateway}
		var err error
		s.ID, err = p.Create(t.Context(), *s)
		if err := errors.Join(err, p.Start(t.Context(), s.Ref), p.Ready(t.Context(), *s)); err != nil {
			t.Fatal(err)
		}
	}
	n.inside = "/proc/" + hoststest.Docker(t, "inspect", "-f", "{{.State.Pid}}", n.a.ID) + "/ns/net"
	n.address = addressOn(t, p.hosts[0].cfg.Container.Network.name(), n.b)
	return n
}

// addressOn returns where a container listens on a network that it is on.
func addressOn(t *testing.T, network string, s Spec) string {
	t.Helper()
	address := hoststest.Docker(t, "inspect", "-f", fmt.Sprintf("{{(index .NetworkSettings.Networks %q).IPAddress}}", network), s.ID)
	return net.JoinHostPort(address, "8080")
}

// answering returns those of the addresses that answer A.
func (n *neighbourhood) answering(t *testing.T, network string, addresses ...string) []string {
	t.Helper()
	var mu sync.Mutex
	var open []string
	var wg sync.WaitGroup
	for _, address := range addresses {
		wg.Go(func() {
			err := hoststest.InNamespace(n.inside, func() {
				if answers(network, address) {
					mu.Lock()
					defer mu.Unlock()
					open = append(open, address)
				}
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	return open
}

// answers reports whether something reads and writes at an address: over UDP
// nothing else shows that somebody is there.
func answers(network, address string) bool {
	c, err := net.DialTimeout(network, address, looks)
	if err != nil || network == "tcp" {
		if err == nil {
			c.Close()
		}
		return err == nil
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(looks))
	_, _ = c.Write([]byte("?"))
	got, err := c.Read(make([]byte, 1))
	return err == nil && got == 1
}

// closed checks that none of the addresses answers A.
func (n *neighbourhood) closed(t *testing.T, when, network string, addresses ...string) {
	t.Helper()
	if open := n.answering(t, network, addresses...); len(open) > 0 {
		t.Errorf("%s: %v answer A over %s, want none of %v", when, open, network, addresses)
	}
}

// open checks that all of the addresses answer A.
func (n *neighbourhood) open(t *testing.T, when, network string, addresses ...string) {
	t.Helper()
	for range 10 {
		addresses = slices.DeleteFunc(addresses, func(a string) bool { return slices.Contains(n.answering(t, network, a), a) })
	}
	if len(addresses) > 0 {
		t.Errorf("%s: %v do not answer A over %s", when, addresses, network)
	}
}

// hostIsClosed checks that this machine answers A at none of its addresses. One that it had
// before, of a network that is gone since, is somebody else's.
func (n *neighbourhood) hostIsClosed(t *testing.T, when string, ports ...int) {
	t.Helper()
	all := hostAddresses(t, ports...)
	open := n.answering(t, "tcp", all...)
	still := hostAddresses(t, ports...)
	open = slices.DeleteFunc(open, func(a string) bool { return !slices.Contains(still, a) })
	if len(open) > 0 || len(all) < 3 {
		t.Errorf("%s: %v answer A, want none of %v", when, open, all)
	}
}

// hostAddresses returns ports by every address that this machine has.
func hostAddresses(t *testing.T, ports ...int) []string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, a := range all {
		ip := a.(*net.IPNet).IP
		if ip.IsLinkLocalUnicast() { // those need a zone
			continue
		}
		for _, port := range ports {
			list = append(list, net.JoinHostPort(ip.String(), strconv.Itoa(port)))
		}
	}
	return list
}

// TestRealGatewaySessionsDoNotReachEachOther: on our network, without any table of
// the host. On Docker's own bridge they would, which shows that the test looks
// right. A page can only end its own session, at its own 127.0.0.1.
func TestRealGatewaySessionsDoNotReachEachOther(t *testing.T) {
	n := startNeighbours(t, "", true)
	n.hostIsClosed(t, "on our network", n.b.Port)
	n.closed(t, "on our network", "tcp", n.address)

	for _, s := range []Spec{n.a, n.b} {
		hoststest.Docker(t, "network", "connect", "bridge", s.ID)
	}
	n.open(t, "on Docker's own bridge", "tcp", addressOn(t, "bridge", n.b))

	n.endItself(t)
	if _, err := n.pool.Inspect(t.Context(), n.a.Ref); !errors.Is(err, ErrGone) {
		t.Errorf("Inspect of A, whose page has ended it: %v, want ErrGone", err)
	}
	if err := n.pool.Probe(t.Context(), n.b); err != nil {
		t.Errorf("B does not go on: %v", err)
	}
}

// endItself does what a page of A can do: WRP's /shutdown/ needs no token.
func (n *neighbourhood) endItself(t *testing.T) {
	t.Helper()
	var c net.Conn
	var dialed error
	entered := hoststest.InNamespace(n.inside, func() { c, dialed = net.Dial("tcp", "127.0.0.1:8080") })
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:8080/shutdown/", http.NoBody)
	if err := errors.Join(entered, dialed, err); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := req.Write(c); err != nil {
		t.Fatal(err)
	}
	hoststest.Docker(t, "wait", n.a.ID)
}

// TestRealHostsTable: direct sessions, published on all addresses, do not reach
// each other, their host and what is near it while the host's table is loaded.
// They reach the resolver and the rest of the world, and the host reaches them.
func TestRealHostsTable(t *testing.T) {
	hoststest.StandIn(t)
	hoststest.NetworkTools(t, "ip", "nft", "sh")
	bridge := ownedBridge(t)
	n := startNeighbours(t, bridge, false)
	w := startWorld(t)
	sshd := hostService(t)
	table := newTable(t, bridge, w.resolver).run

	own := gatewayOf(t, bridge)
	n.open(t, "without the table", "tcp", net.JoinHostPort(own, strconv.Itoa(n.b.Port)), net.JoinHostPort(own, strconv.Itoa(sshd)),
		w.neighbour, w.metadata, w.public, w.mail, w.resolver+":53")

	n.open(t, "without the table", "udp", w.neighbour)
	n.closed(t, "without the table", "tcp", n.address)

	table("load")
	table("load") // again, as a reload does
	n.hostIsClosed(t, "with the table", n.b.Port, sshd)
	n.closed(t, "with the table", "tcp", n.address, w.neighbour, w.metadata, w.mail, w.resolver+":80")
	n.closed(t, "with the table", "udp", w.neighbour)
	n.open(t, "with the table", "tcp", w.public, w.resolver+":53")
	n.open(t, "with the table", "udp", w.resolver+":53")
	if err := errors.Join(n.pool.Probe(t.Context(), n.a), n.pool.Ready(t.Context(), n.b)); err != nil {
		t.Errorf("the host's own probe with the table: %v", err)
	}

	table("load", "EGRESS=lan")
	n.open(t, "with EGRESS=lan", "tcp", w.neighbour, w.public)
	n.hostIsClosed(t, "with EGRESS=lan", n.b.Port, sshd)
	n.closed(t, "with EGRESS=lan", "tcp", n.address, w.metadata)

	table("unload")
	n.open(t, "without the table again", "tcp", net.JoinHostPort(own, strconv.Itoa(n.b.Port)))
}

// ownedBridge makes an operator's own network, whose name is that of its bridge.
func ownedBridge(t *testing.T) string {
	t.Helper()
	name := "wrpt" + strings.ToLower(rand.Text()[:8])
	hoststest.Docker(t, "network", "create", "-o", optionOpen+"=false", "-o", optionBridge+"="+name, name)
	t.Cleanup(func() { hoststest.Docker(t, "network", "rm", name) })
	return name
}

func gatewayOf(t *testing.T, network string) string {
	t.Helper()
	return hoststest.Docker(t, "network", "inspect", "-f", "{{range .IPAM.Config}}{{.Gateway}}{{end}}", network)
}

// hostService listens on all of the host's addresses, as sshd does.
func hostService(t *testing.T) (port int) {
	t.Helper()
	ln, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go acceptAll(ln)
	return ln.Addr().(*net.TCPAddr).Port
}

func acceptAll(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		c.Close()
	}
}

// A world is what a host may have around it, in a namespace of its own.
type world struct {
	neighbour, metadata, public, mail string // with their ports
	resolver                          string
}

// startWorld makes a namespace that answers for all of it. Its addresses are of
// networks that exist nowhere, but for the metadata service's.
func startWorld(t *testing.T) world {
	t.Helper()
	name := "wrpt" + strings.ToLower(rand.Text()[:8])
	const near, far, public, resolver, metadata = "10.213.77.1", "10.213.77.2", "203.0.113.77", "10.213.77.53", "169.254.169.254"
	hoststest.Run(t, "ip", "netns", "add", name)
	t.Cleanup(func() { hoststest.Run(t, "ip", "netns", "del", name) })
	hoststest.Run(t, "ip", "link", "add", name, "type", "veth", "peer", "name", "out", "netns", name)
	hoststest.Run(t, "ip", "address", "add", near+"/30", "dev", name)
	hoststest.Run(t, "ip", "link", "set", name, "up")
	inside := func(args ...string) { t.Helper(); hoststest.Run(t, "ip", append([]string{"-n", name}, args...)...) }
	inside("address", "add", far+"/30", "dev", "out")
	inside("link", "set", "out", "up")
	inside("link", "set", "lo", "up")
	inside("route", "add", "default", "via", near)
	for _, address := range []string{public, resolver, metadata} {
		inside("address", "add", address+"/32", "dev", "lo")
		hoststest.Run(t, "ip", "route", "add", address+"/32", "via", far, "dev", name, "metric", "1") // goes with the device
	}
	err := hoststest.InNamespace("/run/netns/"+name, func() { serveWorld(t, resolver+":53", far+":80") })
	if err != nil {
		t.Fatal(err)
	}
	return world{neighbour: far + ":80", metadata: metadata + ":80", public: public + ":80", mail: public + ":25", resolver: resolver}
}

// serveWorld listens in the namespace that it is called in: over TCP by all of its
// addresses, over UDP by those that are named, from which its answers come.
func serveWorld(t *testing.T, udp ...string) {
	for _, port := range []string{":25", ":53", ":80"} {
		ln, err := net.Listen("tcp", port)
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { ln.Close() })
		go acceptAll(ln)
	}
	for _, address := range udp {
		pc, err := net.ListenPacket("udp", address)
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { pc.Close() })
		go echo(pc)
	}
}

func echo(pc net.PacketConn) {
	buf := make([]byte, 64)
	for {
		n, from, err := pc.ReadFrom(buf)
		if err != nil {
			return
		}
		_, _ = pc.WriteTo(buf[:n], from)
	}
}

// A hostTable is a copy of the host's table, under a name of its own, so that the machine's
// own table stays as it is.
type hostTable struct {
	t           *testing.T
	dir, bridge string
}

// newTable returns a table that is not loaded yet.
func newTable(t *testing.T, bridge, resolver string) *hostTable {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"wrp-egress.nft", "wrp-egress.sh"} {
		text, err := os.ReadFile(filepath.Join(hoststest.Root(t), "docker/host", name))
		if err != nil {
			t.Fatal(err)
		}
		text = []byte(strings.ReplaceAll(string(text), "inet wrp_egress", "inet "+bridge))
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	conf := filepath.Join(dir, "resolv.conf")
	if err := os.WriteFile(conf, []byte("# a comment\nnameserver "+resolver+"\nnameserver 127.0.0.1\nnameserver fe80::1%eth0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	table := &hostTable{t, dir, bridge}
	t.Cleanup(func() { table.run("unload") })
	return table
}

// try runs the script that loads it and takes it away.
func (h *hostTable) try(verb string, env ...string) (string, error) {
	cmd := exec.Command("sh", filepath.Join(h.dir, "wrp-egress.sh"), verb)
	cmd.Env = append(append(os.Environ(), "BRIDGE="+h.bridge, "RESOLV_CONF="+filepath.Join(h.dir, "resolv.conf")), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// run is try of what has to succeed.
func (h *hostTable) run(verb string, env ...string) {
	h.t.Helper()
	if out, err := h.try(verb, env...); err != nil {
		h.t.Fatalf("%s the table: %v\n%s", verb, err, out)
	}
}

// TestRealTableWithoutResolvers: where they cannot be read the table that is there stays, and
// where none is, one without names is better than none.
func TestRealTableWithoutResolvers(t *testing.T) {
	hoststest.NetworkTools(t, "nft", "sh")
	name := "wrpt" + strings.ToLower(rand.Text()[:8])
	table := newTable(t, name, "192.0.2.53")
	loadWithout := func() string {
		t.Helper()
		out, err := table.try("load", "RESOLV_CONF=/nowhere/resolv.conf")
		if err == nil || !strings.Contains(out, "/nowhere/resolv.conf cannot be read") {
			t.Errorf("load without resolvers: %v, want that it fails and says why:\n%s", err, out)
		}
		return hoststest.Run(t, "nft", "list", "table", "inet", name)
	}
	if loaded := loadWithout(); !strings.Contains(loaded, "drop") || strings.Contains(loaded, "192.0.2.53") {
		t.Errorf("the first table, without resolvers, is\n%s", loaded)
	}
	table.run("load")
	if loaded := loadWithout(); !strings.Contains(loaded, "192.0.2.53") {
		t.Errorf("the table that was there is\n%s\nwant that it stays", loaded)
	}
}

// TestRealNetworkIsMadeOnceByMany: the engine refuses all but one of those who make
// a network at once, not always with a conflict.
func TestRealNetworkIsMadeOnceByMany(t *testing.T) {
	hoststest.StandIn(t)
	name := "wrpt" + strings.ToLower(rand.Text()[:8])
	t.Cleanup(func() { hoststest.Docker(t, "network", "rm", name) })
	var wg sync.WaitGroup
	for range 8 {
		p, _ := realPool(t)
		wg.Go(func() {
			found, err := p.hosts[0].makeNetwork(t.Context(), newNetwork{name: name, bridge: name})
			if err != nil || found.open || found.bridge != name {
				t.Errorf("makeNetwork = %+v, %v", found, err)
			}
		})
	}
	wg.Wait()
	if all := hoststest.Docker(t, "network", "ls", "-q", "--filter", "name="+name); strings.Contains(all, "\n") {
		t.Errorf("there are several networks: %s", all)
	}
}
