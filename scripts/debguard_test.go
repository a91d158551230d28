package scripts_test

// A guardPackage is wrp-hostguard on a machine.
type guardPackage struct{ *machine }

// installs a socket for its group, where whoever connects has the guard started, and the
// host's table, which is there before Docker.
func (p *guardPackage) installs() {
	p.t.Helper()
	p.Run("dpkg -i /packages/wrp-hostguard_1.0*.deb")
	p.Await("systemctl is-active wrp-hostguard.socket wrp-egress.service")
	p.says("660 root wrp-hostguard", "stat -c '%a %U %G' /run/wrp-hostguard/docker.sock")
	p.says("ports        9090 to 9205 of 127.0.0.1", "wrp-hostguard --check")
	p.says("docker.service", "systemctl show -p Before wrp-egress.service")
	p.fails("inactive", "systemctl is-active wrp-hostguard.service")
	p.Run("apt-get -qq update && apt-get -qq -y install curl")
	p.says(`"egress":"unit active"`, "curl -fsS --unix-socket /run/wrp-hostguard/docker.sock http://d/hostguard/facts")
	p.Run("systemctl is-active wrp-hostguard.service")
	p.says("drop", "sh /usr/lib/wrp-hostguard/wrp-egress.sh show")
	p.Run("systemd-analyze security --no-pager --threshold=20 wrp-hostguard.service")
}

// upgrades with settings of an operator's own, which are asked about nowhere, and hold.
func (p *guardPackage) upgrades() {
	p.t.Helper()
	p.Write("/etc/default/wrp-egress", "EGRESS=lan\n")
	p.Write("/etc/wrp-hostguard.conf", "PORTS=9090-9115\n")
	p.Run("dpkg -i /packages/wrp-hostguard_2.0*.deb")
	p.says("9090 to 9115", "wrp-hostguard --check")
	if lan := p.Run("nft list set inet wrp_egress lan4 | grep -c 192.168 || true"); lan != "0" {
		p.t.Errorf("the upgrade did not load the table with EGRESS=lan")
	}
}

// isPurged: nothing is closed any more, and nothing is left.
func (p *guardPackage) isPurged() {
	p.t.Helper()
	p.says("the distributor cannot reach Docker here any more", "dpkg -r wrp-hostguard")
	p.fails("No such file", "nft list table inet wrp_egress")
	p.fails("No such file", "ls /run/wrp-hostguard/docker.sock")
	p.Run("dpkg -P wrp-hostguard")
	p.nothingIsLeft("wrp-")
}
