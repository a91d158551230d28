package scripts_test

import (
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
)

// A composed is the PHP program in its Compose stack, and ours in its own. A web server of
// the machine, which is the test, passes requests on to either.
type composed struct {
	*legacy
	project string
	mysql   string // the container of the PHP program's
}

const overCompose = "Over, from Compose to Compose"

func newComposed(t *testing.T) *composed {
	t.Helper()
	const image = "wrp-test-mysql"
	needCompose(t, image)
	sshd := hoststest.StartSSHD(t, hoststest.SSHDOptions{Config: "ListenAddress " + bridgeAddress(t)})
	_, sshPort, _ := net.SplitHostPort(sshd.Addr)
	addr := proctest.FreeAddr(t)
	_, port, _ := net.SplitHostPort(addr)
	c := &composed{project: "wrpfromphp" + strconv.Itoa(os.Getpid())}
	c.legacy = newLegacy(t, net.JoinHostPort(bridgeAddress(t), sshPort), sshd.Host().Key,
		"SESSION_DATABASE_DSN=mysql:dbname=wrpdistributor;host=mysql_wrpdistributor",
		"COMPOSE_PROJECT_NAME="+c.project, "DISTRIBUTOR_IMAGE="+c.project, "DISTRIBUTOR_PORT="+port, "MYSQL_IMAGE="+image, "WRP_IMAGE="+hoststest.Image)
	c.base = "http://" + addr
	for _, name := range []string{"mysql_wrpdistributor", "nginx_wrpdistributor", "php_wrpdistributor"} {
		c.names = append(c.names, name, name+strconv.Itoa(os.Getpid()))
	}
	c.mysql = c.names[len(c.names)-5]
	t.Cleanup(c.destroy)
	c.startPHP(image)
	return c
}

// bridgeAddress is the one address of the machine that its containers and its clients both
// reach.
func bridgeAddress(t *testing.T) string {
	t.Helper()
	bridge, err := net.InterfaceByName("docker0")
	if err != nil {
		hoststest.Missing(t, "Docker's bridge docker0: "+err.Error())
	}
	addresses, err := bridge.Addrs()
	if err != nil || len(addresses) == 0 {
		t.Fatalf("docker0 has no address: %v", err)
	}
	ip, _, err := net.ParseCIDR(addresses[0].String())
	if err != nil {
		t.Fatal(err)
	}
	return ip.String()
}

// startPHP starts the PHP program's stack. Of two of its containers it matters only that
// they are there.
func (c *composed) startPHP(image string) {
	c.t.Helper()
	hoststest.Docker(c.t, "run", "-d", "--name", c.mysql, "-e", "MYSQL_DATABASE=wrpdistributor", "-e", "MYSQL_USER=wrpdistributor", "-e", "MYSQL_PASSWORD=wrpdistributor", image)
	for i := len(c.names) - 3; i < len(c.names); i += 2 {
		hoststest.Docker(c.t, "run", "-d", "--name", c.names[i], hoststest.Image)
	}
	awaitHealthy(c.t, c.mysql)
}

func (c *composed) destroy() {
	cmd := c.command("scripts/stack.sh", "destroy")
	cmd.Env = append(cmd.Env, "FORCE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		c.t.Errorf("destroy: %v\n%s", err, out)
	}
	for i := len(c.names) - 5; i < len(c.names); i += 2 {
		_ = exec.Command("docker", "rm", "-fv", c.names[i]).Run()
	}
	_ = exec.Command("docker", "rmi", c.project).Run()
}

func (c *composed) leavePHP(tables string) { c.php(tables) }

func (c *composed) over() {
	c.t.Helper()
	c.hasBlocks(overCompose, 4)
	for block := range 4 { // settings and image, stop, dump, restore and start
		c.typed(overCompose, block)
	}
	if out := c.ask("status"); !strings.Contains(out, "A client can get a session now") {
		c.t.Errorf("status says %s", out)
	}
}

func (c *composed) ask(args ...string) string {
	c.t.Helper()
	return printed(c.t, c.command("scripts/stack.sh", append([]string{"exec", "-T", "distributor", "/distributor"}, args...)...), "")
}

func (c *composed) clean() string {
	c.t.Helper()
	return printed(c.t, c.command("scripts/stack.sh", "cleanup", "--verbose", "10"), "")
}

func (c *composed) back() {
	c.t.Helper()
	const heading = "Back, from Compose to Compose"
	c.hasBlocks(heading, 2)
	out := c.typed(heading, 0)
	if strings.Count(out, "Stopping session") != 1 || !strings.Contains(out, "The database is the PHP program's again.") {
		c.t.Errorf("the way back says %s, want that it stops the one session of ours", out)
	}
	for i := len(c.names) - 5; i < len(c.names); i += 2 {
		if running := hoststest.Docker(c.t, "inspect", "-f", "{{.State.Running}}", c.names[i]); running != "true" {
			c.t.Errorf("%s does not run after the way back", c.names[i])
		}
	}
	c.typed(heading, 1) // the end of our stack, and not of a session
	if left := hoststest.Docker(c.t, "ps", "-aq", "--filter", "label=com.docker.compose.project="+c.project); left != "" {
		c.t.Errorf("of our stack there is left %s", left)
	}
}

func (c *composed) php(statements string) string {
	c.t.Helper()
	return mysqlIn(c.t, c.mysql, statements, "-u", "wrpdistributor", "-pwrpdistributor", "wrpdistributor")
}

func (c *composed) current(statements string) string {
	c.t.Helper()
	return mysqlIn(c.t, c.service("mysql"), statements, "-u", "root", "wrp")
}

func (c *composed) log() string {
	return hoststest.Docker(c.t, "logs", c.service("distributor"))
}

// service is the container of a service of our stack.
func (c *composed) service(name string) string {
	c.t.Helper()
	return hoststest.Docker(c.t, "ps", "-aq", "--filter", "label=com.docker.compose.project="+c.project, "--filter", "label=com.docker.compose.service="+name)
}
