package config

import (
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"wrpdistributor/internal/hosts"
)

const (
	local    = "local" // the entry that means this machine's own engine
	sshPort  = "22"
	noFile   = "/dev/null"
	maxLimit = maxPort // with START_PORT=1 and SPARE_PORTS=0
)

// pool parses the lists that have one entry for each host.
func (p *parser) pool(c *Config, v *variables) {
	c.Hosts = p.hosts(v.ContainerHosts, c)
	p.limits(c.Hosts, v.MaxContainersRunning)
	p.ports(c.Hosts, c, v)
	p.logins(c.Hosts, v)
	p.certs(c.Hosts, v.ContainerHostsTLSCerts)
	p.warm(c.Hosts, v)
}

// pretend parses the lists that mean something for pretend hosts, which are
// all alike.
func (p *parser) pretend(c *Config, v *variables) {
	pool := make([]hosts.Host, 1)
	if strings.Contains(v.MaxContainersRunning, ",") {
		p.wrong("MAX_CONTAINERS_RUNNING", v.MaxContainersRunning, "want one number for all pretend hosts")
	} else {
		p.limits(pool, v.MaxContainersRunning)
		p.ports(pool, c, v)
	}
	if strings.Contains(v.ContainerHostsTLSCerts, ",") {
		p.wrong("CONTAINER_HOSTS_TLS_CERTS", v.ContainerHostsTLSCerts, "want one cert~key for all pretend hosts, or none")
	} else {
		p.certs(pool, v.ContainerHostsTLSCerts)
	}
	if strings.Contains(v.WarmContainers+v.WarmTLSContainers, ",") {
		p.wrong("WARM_CONTAINERS", v.WarmContainers, "want one number for all pretend hosts, and so for WARM_TLS_CONTAINERS")
	} else {
		p.warm(pool, v)
	}
	c.Pretend = pool[0]
}

// hosts parses CONTAINER_HOSTS. It returns a host for every entry, bad ones
// included, so that the other lists can be compared with it.
func (p *parser) hosts(list string, c *Config) []hosts.Host {
	var pool []hosts.Host
	seen := map[string]bool{}
	for i, name := range entries(list) {
		h, same, ok := newHost(name, c)
		c.setPlace(h.Name, "entry %d of CONTAINER_HOSTS", i+1)
		if !ok {
			p.wrong("CONTAINER_HOSTS", list, "entry %q: want host, host:sshport or local; an IPv6 address with a port in brackets", name)
		}
		if seen[same] {
			p.wrong("CONTAINER_HOSTS", list, "entry %q: want each host once", name)
		}
		seen[same] = true
		pool = append(pool, h)
	}
	return pool
}

// limits parses MAX_CONTAINERS_RUNNING: one limit for all, or one for each.
func (p *parser) limits(pool []hosts.Host, list string) {
	const name = "MAX_CONTAINERS_RUNNING"
	given := entries(list)
	for _, entry := range given {
		if !setLimit(new(hosts.Host), entry) {
			p.wrong(name, list, "entry %q: want a whole number from 1 to %d, or %s", entry, maxLimit, auto)
		}
	}
	if len(given) != 1 && len(given) != len(pool) {
		p.mismatch(name, list, len(given), len(pool))
		return
	}
	for i := range pool {
		setLimit(&pool[i], given[min(i, len(given)-1)])
	}
}

// perHost parses a list of numbers, one for all hosts or one for each.
func (p *parser) perHost(name, list string, least, hosts int) []int {
	var given []int
	for _, entry := range entries(list) {
		n, err := strconv.Atoi(entry)
		if err != nil || n < least || n > maxLimit {
			p.wrong(name, list, "entry %q: want a whole number from %d to %d", entry, least, maxLimit)
			n = 0
		}
		given = append(given, n)
	}
	if len(given) != 1 && len(given) != hosts {
		p.mismatch(name, list, len(given), hosts)
		return nil
	}
	numbers := make([]int, hosts)
	for i := range numbers {
		numbers[i] = given[min(i, len(given)-1)]
	}
	return numbers
}

// ports checks that the port of every slot, and the spare ones, exist.
func (p *parser) ports(pool []hosts.Host, c *Config, v *variables) {
	most := 0
	for _, h := range pool {
		most = max(most, h.Max)
	}
	if most == 0 {
		return // the limits are the mistake, and are named
	}
	if highest := maxPort + 1 - most - c.SparePorts; c.StartPort > highest {
		p.wrong("START_PORT", v.StartPort, "with %d containers on a host, and %d spare ports above them (SPARE_PORTS), want at most %d",
			most, c.SparePorts, highest)
	}
}

// logins parses CONTAINER_HOSTS_KEYS and reads the keys.
func (p *parser) logins(pool []hosts.Host, v *variables) {
	const name = "CONTAINER_HOSTS_KEYS"
	list, ok := p.secret(name, v.ContainerHostsKeys, v.ContainerHostsKeysFile)
	if !ok {
		return
	}
	remote := 0
	for _, h := range pool {
		if h.SSH != nil {
			remote++
		}
	}
	if list == "" {
		if remote > 0 {
			p.wrong(name, "", "not set, want user~keyfile or user~keyfile~passphrase for each host")
		}
		return
	}
	logins := strings.Split(list, ",")
	if v.ContainerHostsKeysFile != "" {
		logins = lines(list, len(pool))
	}
	if len(logins) != len(pool) {
		// Nothing else is said: with a comma in a passphrase, what looks like
		// a key file may be a part of it.
		p.mismatch(name, "", len(logins), len(pool))
		return
	}
	for i, h := range pool {
		if h.SSH != nil {
			p.login(h, logins[i], v.SSHDir)
		}
	}
}

// login parses one entry of CONTAINER_HOSTS_KEYS into h.SSH.
func (p *parser) login(h hosts.Host, entry, dir string) {
	const name = "CONTAINER_HOSTS_KEYS"
	user, file, passphrase := splitLogin(entry)
	if user == "" || file == "" {
		p.wrong(name, "", "host %s: want user~keyfile or user~keyfile~passphrase", h.Name)
		return
	}
	signer, err := hosts.LoadKey(filepath.Join(dir, file), passphrase)
	if err != nil {
		p.wrong(name, "", "host %s: %v", h.Name, err)
		return
	}
	h.SSH.User, h.SSH.Signer = user, signer
}

// splitLogin takes user~keyfile~passphrase apart.
func splitLogin(entry string) (user, file, passphrase string) {
	parts := append(strings.SplitN(entry, "~", 3), "", "")
	return strings.TrimSpace(parts[0]), strings.TrimSpace(parts[1]), parts[2]
}

// certs parses CONTAINER_HOSTS_TLS_CERTS.
func (p *parser) certs(pool []hosts.Host, list string) {
	const name = "CONTAINER_HOSTS_TLS_CERTS"
	if list == "" {
		return
	}
	certs := entries(list)
	if len(certs) != len(pool) {
		p.mismatch(name, list, len(certs), len(pool))
		return
	}
	for i, entry := range certs {
		if entry == "" || entry == noFile+"~"+noFile {
			continue
		}
		pool[i].TLS = tlsFiles(entry)
		if pool[i].TLS == nil {
			p.wrong(name, list, "entry %q: want cert~key, both absolute paths on the host, or %s~%s for none", entry, noFile, noFile)
		}
	}
}

// tlsFiles parses cert~key. It returns nil if entry is something else.
func tlsFiles(entry string) *hosts.TLSFiles {
	cert, key, _ := strings.Cut(entry, "~")
	if !isHostFile(cert) || !isHostFile(key) {
		return nil
	}
	return &hosts.TLSFiles{Cert: path.Clean(cert), Key: path.Clean(key)}
}

func (p *parser) mismatch(name, value string, got, want int) {
	p.wrong(name, value, "number of entries: %d, want %d as in CONTAINER_HOSTS", got, want)
}

// entries splits a list at its commas.
func entries(list string) []string {
	all := strings.Split(list, ",")
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	return all
}

// lines splits the list of a file. With one line for each host a comma is an
// ordinary character, and an empty line an empty entry.
func lines(list string, hosts int) []string {
	all := strings.Split(list, "\n")
	for i := range all {
		all[i] = strings.TrimSuffix(all[i], "\r")
	}
	for len(all) > hosts && all[len(all)-1] == "" {
		all = all[:len(all)-1]
	}
	if len(all) == 1 && hosts != 1 {
		return strings.Split(list, ",")
	}
	return all
}

// isHostFile reports whether s is a path that can be mounted into a container.
func isHostFile(s string) bool {
	return path.IsAbs(s) && s != noFile && !strings.ContainsAny(s, ":~")
}
