package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"wrpdistributor/internal/hosts"
)

const (
	hostsFileName = "HOSTS_FILE"
	hostLine      = "a.example user=wrp key=a.key max=20" // as it may look
)

// hostOptions are what may stand after a host.
var hostOptions = [...]string{"user", "key", "passphrase-file", "max", "tls", "warm", "warm-tls"}

// fromFile reads the hosts of HOSTS_FILE: one on a line, with what the lists of
// CONTAINER_HOSTS's companions say of it as options.
func (p *parser) fromFile(c *Config, v *variables) []hosts.Host {
	p.refuseLists(v)
	text, err := rereadText(v.HostsFile)
	if p.added != "" && errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		p.wrong(hostsFileName, v.HostsFile, "want a readable file: %v", err)
		return nil
	}
	f := &hostsFile{parser: p, config: c, variables: v, seen: make(map[string]int)}
	f.limits(v)
	before := len(p.problems)
	for line := range strings.Lines(withLine(text, p.added)) {
		f.number++
		if words := words(line); len(words) > 0 {
			f.line(words)
		}
	}
	if len(f.seen) == 0 && len(p.problems) == before {
		p.wrong(hostsFileName, v.HostsFile, "the file has no host, want one on each line, such as %s", hostLine)
	}
	p.bound(before, v.HostsFile)
	return f.hosts
}

// rereadText is readText of what each reload reads again.
func rereadText(name string) (string, error) {
	text, err := hosts.ReadFile(name)
	if err != nil {
		return "", err
	}
	return decode(text)
}

// refuseLists: what they say would stand in two places.
func (p *parser) refuseLists(v *variables) {
	set := []struct{ name, shown, value, option string }{
		{"CONTAINER_HOSTS_KEYS", "", v.ContainerHostsKeys, "user= and key="},
		{"CONTAINER_HOSTS_KEYS_FILE", v.ContainerHostsKeysFile, v.ContainerHostsKeysFile, "user= and key="},
		{"CONTAINER_HOSTS_TLS_CERTS", v.ContainerHostsTLSCerts, v.ContainerHostsTLSCerts, "tls="},
	}
	if v.ContainerHosts != local { // the default
		p.wrong("CONTAINER_HOSTS", v.ContainerHosts, "is set, and so is %s=%s; want only one of them", hostsFileName, v.HostsFile)
	}
	for _, list := range set {
		if list.value != "" {
			p.wrong(list.name, list.shown, "is set, and so is %s=%s; want %s in its lines instead", hostsFileName, v.HostsFile, list.option)
		}
	}
}

// bound leaves some of the problems with a file out that is probably no list of hosts.
func (p *parser) bound(before int, path string) {
	if more := len(p.problems) - before - maxBadLines; more > 1 {
		p.problems = p.problems[:before+maxBadLines]
		p.wrong(hostsFileName, path, "and %d problems more", more)
	}
}

// words splits a line, and leaves a comment out.
func words(line string) []string {
	list := strings.Fields(line)
	if i := slices.IndexFunc(list, func(word string) bool { return word[0] == '#' }); i >= 0 {
		return list[:i]
	}
	return list
}

// A hostsFile is one while it is parsed.
type hostsFile struct {
	*parser
	config    *Config
	variables *variables
	usual     hosts.Host     // what a line says nothing of
	number    int            // of the line
	seen      map[string]int // lines by machine
	hosts     []hosts.Host
}

// limits parses the numbers of hosts that have none of their own.
func (f *hostsFile) limits(v *variables) {
	one := make([]hosts.Host, 1)
	for _, list := range []struct{ name, value string }{
		{"MAX_CONTAINERS_RUNNING", v.MaxContainersRunning}, {"WARM_CONTAINERS", v.WarmContainers}, {"WARM_TLS_CONTAINERS", v.WarmTLSContainers},
	} {
		if strings.Contains(list.value, ",") {
			f.parser.wrong(list.name, list.value, "want one number for all hosts whose line in %s has none", hostsFileName)
			return
		}
	}
	f.parser.limits(one, v.MaxContainersRunning)
	f.usual = one[0]
	for _, n := range f.perHost("WARM_CONTAINERS", v.WarmContainers, 0, 1) {
		f.usual.Warm = n
	}
	for _, n := range f.perHost("WARM_TLS_CONTAINERS", v.WarmTLSContainers, 0, 1) {
		f.usual.WarmTLS = n
	}
}

// wrong notes what is wrong with the line.
func (f *hostsFile) wrong(want string, args ...any) {
	f.parser.wrong(hostsFileName, f.variables.HostsFile, "line %d: "+want, append([]any{f.number}, args...)...)
}

// line parses one host.
func (f *hostsFile) line(words []string) {
	h, same, ok := newHost(words[0], f.config)
	if !ok {
		f.wrong("%q: want host, host:sshport or local, then options, such as %s; an IPv6 address with a port in brackets", words[0], hostLine)
		return
	}
	if first, twice := f.seen[same]; twice {
		f.wrong("%s: want each host once, it is that of line %d", h.Name, first)
	} else {
		f.seen[same] = f.number
	}
	f.config.setPlace(h.Name, "line %d of %s=%s", f.number, hostsFileName, f.variables.HostsFile)
	o, ok := f.options(h.Name, words[1:])
	if !ok {
		return
	}
	f.login(&h, o)
	h.Max, h.Auto = f.usual.Max, f.usual.Auto
	if max := o["max"]; max != "" && !setLimit(&h, max) {
		f.wrong("%s: max=%s: want a whole number from 1 to %d, or %s", h.Name, max, maxLimit, auto)
		h.Max = 0
	}
	if o["tls"] != "" {
		if h.TLS = tlsFiles(o["tls"]); h.TLS == nil {
			f.wrong("%s: tls=%s: want cert~key, both absolute paths on the host", h.Name, o["tls"])
		}
	}
	f.waiting(&h, o)
	f.hosts = append(f.hosts, h)
}

// options returns the options of a host. Their values are not shown: one may be a secret
// in the wrong place.
func (f *hostsFile) options(host string, words []string) (o map[string]string, ok bool) {
	o, ok = make(map[string]string), true
	for i, word := range words {
		name, value, found := strings.Cut(word, "=")
		_, twice := o[name]
		switch {
		case !found || name == "":
			f.wrong("%s: word %d is not NAME=value", host, i+2)
		case !slices.Contains(hostOptions[:], name):
			f.wrong("%s: no option %q, want %s or %s", host, name, strings.Join(hostOptions[:len(hostOptions)-1], ", "), hostOptions[len(hostOptions)-1])
		case twice:
			f.wrong("%s: want %s once", host, name)
		case value == "":
			f.wrong("%s: %s is empty, want a value, or leave it out", host, name)
		default:
			o[name] = value
			continue
		}
		ok = false
	}
	return o, ok
}

// login reads the key of a host that is reached over SSH.
func (f *hostsFile) login(h *hosts.Host, o map[string]string) {
	user, key, passphraseFile := o["user"], o["key"], o["passphrase-file"]
	switch {
	case h.SSH == nil && cmp.Or(user, key, passphraseFile) != "":
		f.wrong("%s: is this machine's own engine, want neither user nor key", h.Name)
	case h.SSH != nil && (user == "" || key == ""):
		f.wrong("%s: want user= and key=, such as %s", h.Name, hostLine)
	case h.SSH != nil:
		passphrase := ""
		if passphraseFile != "" {
			text, err := rereadText(f.inSSHDir(passphraseFile))
			if err != nil {
				f.wrong("%s: passphrase-file: want a readable file: %v", h.Name, err)
				return
			}
			passphrase = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
		}
		signer, err := hosts.LoadKey(f.inSSHDir(key), passphrase)
		if err != nil {
			f.wrong("%s: %v", h.Name, err)
			return
		}
		h.SSH.User, h.SSH.Signer = user, signer
	}
}

func (f *hostsFile) inSSHDir(file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(f.variables.SSHDir, file)
}

// waiting parses how many containers wait on a host.
func (f *hostsFile) waiting(h *hosts.Host, o map[string]string) {
	h.Warm = f.count(h, o, "warm", f.usual.Warm)
	usual := f.usual.WarmTLS
	if h.TLS == nil {
		usual = 0
	}
	h.WarmTLS = f.count(h, o, "warm-tls", usual)
	switch {
	case h.WarmTLS > 0 && f.variables.GatewayListen != "":
		f.wrong("%s: warm-tls: behind a gateway all containers serve either kind of client, want warm only", h.Name)
	case h.WarmTLS > 0 && h.TLS == nil:
		f.wrong("%s: warm-tls: want tls= as well, a certificate on the host", h.Name)
	case h.Max > 0 && h.Warm+h.WarmTLS > h.Max:
		f.wrong("%s: %d containers are to wait there (warm and warm-tls), want at most its max, which is %d", h.Name, h.Warm+h.WarmTLS, h.Max)
	}
}

func (f *hostsFile) count(h *hosts.Host, o map[string]string, option string, usual int) int {
	if o[option] == "" {
		return usual
	}
	n, err := strconv.Atoi(o[option])
	if err != nil || n < 0 || n > maxLimit {
		f.wrong("%s: %s=%s: want a whole number from 0 to %d", h.Name, option, o[option], maxLimit)
		return 0
	}
	return n
}

// newHost returns the host of an entry, and by what it is known to be another's machine: a,
// A. and a:22 are one.
func newHost(entry string, c *Config) (h hosts.Host, same string, ok bool) {
	if entry == local {
		return hosts.Host{Name: entry, Address: c.LocalAddress, Publish: c.PublishAddress}, entry, true
	}
	host, port, ok := splitHost(entry)
	h = hosts.Host{Name: entry, Address: host, SSH: &hosts.SSH{Addr: net.JoinHostPort(host, port)}}
	if !ok {
		return h, entry, false
	}
	return h, strings.ToLower(net.JoinHostPort(strings.TrimSuffix(host, "."), port)), true
}

// parsePool parses the hosts, wherever they stand.
func (p *parser) parsePool(c *Config, v *variables) {
	if v.HostsFile == "" {
		p.pool(c, v)
		p.joinPool(c, v)
		return
	}
	c.HostsFile = v.HostsFile
	c.Hosts = p.fromFile(c, v)
	p.ports(c.Hosts, c, v)
}

// Place names where a host stands, for people; empty: it is not configured.
func (c *Config) Place(host string) string { return c.places[host] }

func (c *Config) setPlace(host, where string, args ...any) {
	if c.places == nil {
		c.places = make(map[string]string)
	}
	c.places[host] = fmt.Sprintf(where, args...)
}

// HostsIn names where the hosts stand, for people.
func (c *Config) HostsIn() string {
	if c.HostsFile != "" {
		return hostsFileName + "=" + c.HostsFile
	}
	return "CONTAINER_HOSTS"
}
