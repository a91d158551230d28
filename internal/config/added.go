package config

import (
	"path/filepath"
	"strings"
)

// Whereabouts are where hosts stand, and what belongs to them.
type Whereabouts struct {
	SSHDir    string
	HostsFile string // empty: CONTAINER_HOSTS and the lists beside it
	Name      string // of the host that is asked for, as it is configured; empty: it is not
}

// Find looks for a host, in the places of [Load], whatever is wrong with the settings. An
// entry that is no host is a problem.
func Find(envFile string, theirs Environment, entry string) (Whereabouts, error) {
	v, _, _, err := read(envFile, theirs)
	if err != nil {
		return Whereabouts{}, err
	}
	_, wanted, ok := newHost(entry, &Config{})
	if !ok || entry == local {
		return Whereabouts{}, Problems{{Variable: entry, Want: "want the name or address of a host, and :PORT if its sshd does not have 22"}}
	}
	w := Whereabouts{SSHDir: v.SSHDir, HostsFile: v.HostsFile}
	for _, name := range v.hostNames() {
		if _, same, _ := newHost(name, &Config{}); same == wanted {
			w.Name = name
		}
	}
	return w, nil
}

// hostNames returns what hosts are called where they stand. A file that cannot be read has
// none.
func (v *variables) hostNames() (names []string) {
	if v.HostsFile == "" {
		return entries(v.ContainerHosts)
	}
	text, err := rereadText(v.HostsFile)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(text) {
		if words := words(line); len(words) > 0 {
			names = append(names, words[0])
		}
	}
	return names
}

// LoadWith is [Load] with one host more, by a line as it stands in HOSTS_FILE; an empty one
// adds none. A HOSTS_FILE that is not there yet counts as one without hosts.
func LoadWith(envFile string, theirs Environment, line string) (*Config, error) {
	return load(envFile, theirs, false, line)
}

// withLine returns a text with one line more.
func withLine(text, line string) string {
	if line == "" {
		return text
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text + line + "\n"
}

// joinPool adds the line of a host to those of CONTAINER_HOSTS. The line says all of it: a
// list beside them has nothing for it.
func (p *parser) joinPool(c *Config, v *variables) {
	if p.added == "" {
		return
	}
	f := &hostsFile{parser: p, config: c, variables: v, seen: make(map[string]int), number: 1}
	f.line(words(p.added))
	c.Hosts = append(c.Hosts, f.hosts...)
	p.ports(c.Hosts, c, v)
}

// LimitOfAll returns MAX_CONTAINERS_RUNNING if that is one for all hosts; else nothing.
func LimitOfAll(envFile string, theirs Environment) string {
	v, _, _, err := read(envFile, theirs)
	if err != nil || strings.Contains(v.MaxContainersRunning, ",") {
		return ""
	}
	return v.MaxContainersRunning
}

// InSSHDir returns the path of a key as HOSTS_FILE and the commands name it.
func (w Whereabouts) InSSHDir(file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(w.SSHDir, file)
}
