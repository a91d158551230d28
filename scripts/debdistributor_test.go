package scripts_test

import (
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
)

// A distributorPackage is wrp-distributor on a machine.
type distributorPackage struct {
	*machine
	put       proctest.Request // of its one client
	port      string           // of that client's session
	container string           // of that session
}

// installsWithoutStarting where policy-rc.d forbids it, as in images that are being built.
func (p *distributorPackage) installsWithoutStarting() {
	p.t.Helper()
	p.Run(`printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d`)
	p.Run("dpkg -i /packages/wrp-distributor_1.0*.deb")
	p.fails("inactive", "systemctl is-active wrp-distributor.service wrp-cleanup.timer")
	p.says("enabled", "systemctl is-enabled wrp-distributor.service")
	p.Run("rm /usr/sbin/policy-rc.d && dpkg -P wrp-distributor && rm -r /etc/wrp-distributor")
}

// starts with nothing set: it has a token that only root can read, and says what it lacks.
func (p *distributorPackage) starts() {
	p.t.Helper()
	p.Run("dpkg -i /packages/wrp-distributor_1.0*.deb")
	p.Await("systemctl is-active wrp-distributor.service wrp-cleanup.timer && wrp-distributor healthcheck")
	p.says("600 root", "stat -c '%a %U' /etc/wrp-distributor/secrets/AUTH_TOKEN")
	p.fails("Permission denied", "runuser -u wrp-distributor -- cat /etc/wrp-distributor/secrets/AUTH_TOKEN")
	p.says("wrp-distributor", `ps -o user:20= -p "$(systemctl show -p MainPID --value wrp-distributor)"`)
	p.fails("Host local is down", "wrp-distributor status")
	for _, unit := range []string{"wrp-distributor.service", "wrp-cleanup.service"} {
		p.Run("systemd-analyze security --no-pager --threshold=20 " + unit)
	}
	token := p.Run("cat /etc/wrp-distributor/secrets/AUTH_TOKEN")
	p.put = proctest.Request{Method: http.MethodPut, URL: "http://" + p.Addr + ":7777/", Token: token, Agent: "a"}
}

// startHost starts sshd before this machine's Docker, where the other machine reaches it. It
// lets the key in that the installation has made.
func (p *distributorPackage) startHost() (name, user string) {
	p.t.Helper()
	keys := filepath.Join(p.t.TempDir(), "authorized_keys")
	write(p.t, keys, p.Run("cat /etc/wrp-distributor/ssh/id_ed25519.pub")+"\n", 0o600)
	h := hoststest.StartSSHD(p.t, hoststest.SSHDOptions{
		Config: "ListenAddress " + p.Gateway + "\nMatch all\nAuthorizedKeysFile " + keys,
	}).Host()
	p.Write("/etc/wrp-distributor/ssh/known_hosts", strings.ReplaceAll(h.KnownHosts, "127.0.0.1", p.Gateway))
	return strings.ReplaceAll(h.Name, "127.0.0.1", p.Gateway), h.User
}

// servesAfterOneLine of host settings, in place of this machine's own Docker; it is read
// without a restart.
func (p *distributorPackage) servesAfterOneLine() {
	p.t.Helper()
	host, user := p.startHost()
	// These three are the test's own.
	p.Write("/etc/wrp-distributor/env", "WRP_IMAGE="+hoststest.Image+"\nSTART_PORT="+strconv.Itoa(proctest.FreeRange(p.t, 30))+"\nADMIN_TOKEN=0perator\n")
	p.Run("systemctl restart wrp-distributor")
	p.Await("wrp-distributor healthcheck")
	p.showsWhatToType()
	p.Run("sed -i /^local/d /etc/wrp-distributor/hosts")
	p.Write("/etc/wrp-distributor/hosts", host+" user="+user+" key=id_ed25519 max=3\n")
	p.Run("systemctl reload wrp-distributor")
	p.Await("wrp-distributor hosts list | grep ' yes'")
	p.browses()
	p.says("Result=success", "systemctl start wrp-cleanup.service; systemctl show -p Result wrp-cleanup.service")
}

// showsWhatToType on the dashboard, as the package calls the commands.
func (p *distributorPackage) showsWhatToType() {
	p.t.Helper()
	p.Await(`bash -c 'exec 3<>/dev/tcp/127.0.0.1/7777
		printf "GET /dashboard HTTP/1.0\r\nAuthorization: Bearer 0perator\r\n\r\n" >&3
		grep "<code>wrp-distributor hosts check local</code>" <&3'`)
}

// browses as a client does: a PUT, and a page of the session that it is given.
func (p *distributorPackage) browses() {
	p.t.Helper()
	session, err := p.isGiven(http.StatusAccepted).Session()
	if err != nil {
		p.t.Fatal(err)
	}
	page, err := proctest.Do(p.t.Context(), proctest.Request{Method: http.MethodGet, URL: "http://" + session.URL + "/", Token: session.Token})
	if err != nil || page.Code != http.StatusOK {
		p.t.Errorf("a page of %s: %d, %v; want 200", session.URL, page.Code, err)
	}
	if _, p.port, err = net.SplitHostPort(session.URL); err != nil {
		p.t.Fatal(err)
	}
	p.container = p.containers()
	p.t.Cleanup(func() { _ = removeContainer(p.container) })
}

// containers returns those of the session's port.
func (p *distributorPackage) containers() string {
	p.t.Helper()
	return hoststest.Docker(p.t, "ps", "-q", "--filter", "publish="+p.port)
}

// isGiven sends the PUT of the one client, which has to be answered so.
func (p *distributorPackage) isGiven(want int) proctest.Answer {
	p.t.Helper()
	a, err := proctest.Do(p.t.Context(), p.put)
	if err != nil || a.Code != want {
		p.t.Fatalf("PUT: %+v, %v; want %d", a, err, want)
	}
	return a
}

// keepsItsSession, in the container that it began in.
func (p *distributorPackage) keepsItsSession() {
	p.t.Helper()
	p.Await("wrp-distributor hosts list | grep ' yes'")
	p.isGiven(http.StatusNoContent)
	if is := p.containers(); is != p.container {
		p.t.Errorf("the session has the container %q, want %q as before", is, p.container)
	}
}

// upgrades with a session: the new version runs, and what an operator has chosen stays.
func (p *distributorPackage) upgrades() {
	p.t.Helper()
	p.Run("systemctl disable --now wrp-cleanup.timer")
	const pid = "systemctl show -p MainPID --value wrp-distributor"
	was := p.Run(pid)
	p.Run("dpkg -i /packages/wrp-distributor_2.0*.deb")
	if is := p.Run(pid); is == was || is == "0" {
		p.t.Errorf("after the upgrade the process is %s, before it was %s; want another one", is, was)
	}
	p.keepsItsSession()
	p.fails("disabled", "systemctl is-enabled wrp-cleanup.timer")
	p.fails("inactive", "systemctl is-active wrp-cleanup.timer")
	p.Run("systemctl enable --now wrp-cleanup.timer")
}

// isRootsToAsk while nobody serves, too: nothing is left behind that is closed to the service.
func (p *distributorPackage) isRootsToAsk() {
	p.t.Helper()
	p.Run("systemctl stop wrp-distributor")
	p.says("No running distributor answers", "cd / && wrp-distributor sessions list")
	p.Run("wrp-cleanup --dry-run; wrp-distributor migrate")
	if foreign := p.Run("find /var/lib/wrp-distributor ! -user wrp-distributor"); foreign != "" {
		p.t.Errorf("not the service's:\n%s", foreign)
	}
	p.Run("systemctl start wrp-distributor")
	p.keepsItsSession()
}

// isRemovedAndComesBack: its session goes on meanwhile.
func (p *distributorPackage) isRemovedAndComesBack() {
	p.t.Helper()
	p.says("sessions that run stay on their container hosts", "dpkg -r wrp-distributor")
	p.fails("inactive", "systemctl is-active wrp-distributor.service wrp-cleanup.timer")
	if is := p.containers(); is != p.container {
		p.t.Errorf("after the removal the session has the container %q, want %q", is, p.container)
	}
	p.Run("dpkg -i /packages/wrp-distributor_2.0*.deb")
	p.keepsItsSession()
}

// isPurged: what cannot be made again goes only if somebody says so.
func (p *distributorPackage) isPurged() {
	p.t.Helper()
	const token = "cat /etc/wrp-distributor/secrets/AUTH_TOKEN"
	p.Run("wrp-cleanup --all")
	if is := p.containers(); is != "" {
		p.t.Errorf("after cleanup --all the session has the container %q", is)
	}
	p.says("its data stay in /var/lib/wrp-distributor", "dpkg -P wrp-distributor")
	p.Run("test ! -e /etc/wrp-distributor/env && test -e /var/lib/wrp-distributor/distributor.db")
	p.Run("dpkg -i /packages/wrp-distributor_2.0*.deb")
	if is := p.Run(token); is != p.put.Token {
		p.t.Errorf("after a purge that kept data the token is another one")
	}
	p.Run("echo wrp-distributor wrp-distributor/remove-data boolean true | debconf-set-selections")
	// A folder that is a mount cannot go; the purge is no failure, which dpkg would repeat for ever.
	p.Run("mount --bind /var/lib/wrp-distributor /var/lib/wrp-distributor")
	p.says("is left, and says why above", "dpkg -P wrp-distributor 2>&1")
	p.Run("umount /var/lib/wrp-distributor && rmdir /var/lib/wrp-distributor")
	p.nothingIsLeft("wrp-distributor")
}
