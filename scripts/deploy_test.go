package scripts_test

import (
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
)

// A deployment is what docs/deploy.md makes of two machines, and the desk at which that is
// read. Their addresses stay the same when they are rebooted.
type deployment struct {
	t         *testing.T
	machines  map[string]*machine // by what the document calls them
	variables string              // its first block, for these machines
	blocks    []block
	network   string
}

// Where the machines are: a run that was killed keeps its network until somebody removes it.
var (
	deployNet     = fmt.Sprintf("10.215.%d.", mathrand.IntN(250))
	serverAddress = deployNet + "10"
	hostAddress   = deployNet + "11"
	deskAddress   = deployNet + "12"
)

// TestE2EDeploy types docs/deploy.md from its first block to its last, on fresh machines.
func TestE2EDeploy(t *testing.T) {
	proctest.E2E(t)
	d := newDeployment(t)
	for _, b := range d.blocks {
		d.types(b)
	}
	d.hostIsOpenToSessionsOnly()
	d.serves()
}

func newDeployment(t *testing.T) *deployment {
	t.Helper()
	d := &deployment{t: t, machines: make(map[string]*machine), blocks: readBlocks(t, "deploy.md")}
	if len(d.blocks) == 0 || d.blocks[0].heading != "" {
		t.Fatal("docs/deploy.md does not begin with a block that names the machines")
	}
	d.variables = regexp.MustCompile(`(?m)^SERVER_ADDRESS=.*$`).ReplaceAllString(d.blocks[0].text, "SERVER_ADDRESS="+serverAddress)
	d.variables = regexp.MustCompile(`(?m)^DESK=.*$`).ReplaceAllString(d.variables, "DESK="+deskAddress)
	d.blocks = d.blocks[1:]
	d.start(makeDebs(t))
	return d
}

// start starts the three machines as a provider hands them over: who sits at the desk may
// log in as root, by a key.
func (d *deployment) start(packages string) {
	d.t.Helper()
	d.network = "wrp-deploy-" + strings.ToLower(rand.Text()[:8])
	hoststest.Docker(d.t, "network", "create", "--subnet", deployNet+"0/24", "--gateway", deployNet+"1", d.network)
	d.t.Cleanup(func() { hoststest.Docker(d.t, "network", "rm", d.network) })
	mirror := fmt.Sprintf("http://%s1:%d", deployNet, hoststest.Mirror(d.t, "alb42/amifoxserver:latest"))
	desk := d.machine("at your desk", "wrp-test-machine", deskAddress, "-v", packages+":/packages:ro")
	server := d.machine("on the server", "wrp-test-machine", serverAddress)
	host := d.machine("on the host", "wrp-test-new-host", hostAddress)

	desk.Run("apt-get -qq update && apt-get -qq -y install curl && ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519")
	desk.Run("cp /packages/wrp-distributor_1.0*.deb ~/ && printf 'StrictHostKeyChecking accept-new\nLogLevel ERROR\n' >~/.ssh/config")
	key := desk.Run("cat ~/.ssh/id_ed25519.pub")
	server.Run("apt-get -qq update && apt-get -qq -y install openssh-server ca-certificates")
	// What is the image's own would not be on a machine that somebody rents.
	host.Run("rm /etc/ssh/sshd_config.d/test.conf && systemctl restart ssh")
	host.Run(`sed -i 's,^{,{"registry-mirrors": ["` + mirror + `"]` + "\\," + `,' /etc/docker/daemon.json && systemctl restart docker`)
	d.startAuthority(desk, server)
	for _, m := range []*machine{server, host} {
		m.Run("install -d -m 700 ~/.ssh")
		m.Write("~/.ssh/authorized_keys", key+"\n")
	}
}

// machine starts one that comes back by itself when it is rebooted.
func (d *deployment) machine(name, image, address string, args ...string) *machine {
	d.t.Helper()
	args = append(args, hoststest.Rebooting, "--network", d.network, "--ip", address, "-v", resolvers(d.t, image)+":/etc/resolv.conf:ro",
		"--add-host", "wrp.example:"+serverAddress, "--add-host", "c1.wrp.example:"+hostAddress, "--add-host", "ca.example:"+deskAddress)
	m := &machine{t: d.t, Machine: hoststest.StartMachine(d.t, image, args...)}
	d.machines[name] = m
	return m
}

// resolvers returns a file that names those that a machine can reach. Docker's own, for
// networks like the one here, goes by rules that a firewall of the machine takes away.
func resolvers(t *testing.T, image string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "resolv.conf")
	write(t, file, hoststest.Docker(t, "run", "--rm", "--entrypoint", "cat", image, "/etc/resolv.conf")+"\n", 0o644)
	return file
}

// types types a block where its first line says.
func (d *deployment) types(b block) {
	d.t.Helper()
	comment, text, _ := strings.Cut(b.text, "\n")
	where, want, _ := strings.Cut(strings.TrimPrefix(comment, "# "), "; ")
	for _, place := range strings.Split(where, " and ") {
		m := d.machines[place]
		switch {
		case m == nil:
			d.t.Fatalf("under %q a block begins with %q, and names no machine", b.heading, comment)
		case want == "each has to fail":
			for line := range strings.Lines(text) {
				d.fails(m, strings.TrimSpace(line))
			}
		case text == "systemctl reboot":
			m.Reboot()
		default:
			d.succeeds(m, place, text)
		}
	}
}

func (d *deployment) succeeds(m *machine, place, text string) {
	d.t.Helper()
	out, err := m.Type(d.variables + "\n" + d.here(text))
	d.t.Logf("%s:\n%s\n%s", place, text, out)
	if err != nil {
		d.t.Fatal(err)
	}
	if strings.Contains(text, forAuthority) {
		// It takes some seconds, here as there.
		d.machines["on the server"].Await("openssl s_client -connect wrp.example:443 -servername wrp.example </dev/null 2>&1 | openssl x509 -noout")
	}
}

func (d *deployment) fails(m *machine, line string) {
	d.t.Helper()
	if out, err := m.Type(d.variables + "\n" + line); err == nil {
		d.t.Fatalf("%s succeeds, and has to fail:\n%s", line, out)
	}
}

// forAuthority is the proxy's setting for Let's Encrypt.
const forAuthority = "\temail $MAIL\n"

// here is a text with the authority that is to be had here.
func (d *deployment) here(text string) string {
	return strings.ReplaceAll(text, forAuthority, forAuthority+"\tacme_ca https://ca.example/acme/local/directory\n\tacme_ca_root /etc/ssl/ca.example.crt\n")
}

// startAuthority has the desk be, besides, what Let's Encrypt is elsewhere: it signs for
// whom it reaches by the name that is asked for. The desk trusts it.
func (d *deployment) startAuthority(desk, server *machine) {
	d.t.Helper()
	const root = "/var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt"
	desk.Run("apt-get -qq -y install caddy && : >/etc/caddy/Caddyfile")
	desk.Write("/etc/caddy/Caddyfile", "{\n\tskip_install_trust\n}\nhttps://ca.example {\n\ttls internal\n\tacme_server\n}\n")
	desk.Run("systemctl restart caddy")
	desk.Await("test -s " + root)
	desk.Run("cp " + root + " /usr/local/share/ca-certificates/ca.example.crt && update-ca-certificates")
	server.Write("/etc/ssl/ca.example.crt", desk.Run("cat "+root)+"\n")
}

// hostIsOpenToSessionsOnly to whoever has the key that the server has.
func (d *deployment) hostIsOpenToSessionsOnly() {
	d.t.Helper()
	server := d.machines["on the server"]
	const ssh = "ssh -o BatchMode=yes -o StrictHostKeyChecking=no -i /etc/wrp-distributor/ssh/c1.wrp.example.key wrp@c1.wrp.example "
	server.fails("", ssh+"id")
	if out := server.Run("wrp-distributor hosts check"); strings.Contains(out, "WARNING") || strings.Contains(out, "SKIPPED") {
		d.t.Errorf("hosts check is not content:\n%s", out)
	}
}

// serves a client at the end of all that.
func (d *deployment) serves() {
	d.t.Helper()
	desk, server := d.machines["at your desk"], d.machines["on the server"]
	token := server.Run("cat /etc/wrp-distributor/secrets/AUTH_TOKEN")
	desk.says("<wrpUrl>wrp.example:7778</wrpUrl>", "curl -fsS -X PUT -A late -H 'Bearer: "+token+"' http://wrp.example/")
	desk.says("<wrpUrl>wrp.example:8443</wrpUrl>", "curl -fsS -X PUT -A secure -d ssl=1 -H 'Bearer: "+token+"' https://wrp.example/")
	// Before there was Host, too.
	desk.says("204", "curl -sS -0 -H Host: -o /dev/null -w '%{http_code}' -X PUT -A late -H 'Bearer: "+token+"' http://wrp.example/")
}
