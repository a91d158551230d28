package config

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wrpdistributor/internal/hosts"
)

const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMHZp8TjPO36y5cLNT4u71XkcgrveNi6Iwg/cdtLzjKo wrp@a\n"

// keyFolder has a key without passphrase, one with, a public one, and something else.
func keyFolder(t testing.TB) string {
	dir := t.TempDir()
	writeKey(t, filepath.Join(dir, "plain"), "")
	writeKey(t, filepath.Join(dir, "locked"), "hunter2,~ x")
	writeFile(t, filepath.Join(dir, "junk"), "junk")
	writeFile(t, filepath.Join(dir, "plain.pub"), publicKey)
	return dir
}

func TestClientsAreGivenTheHostWithoutSSHPort(t *testing.T) {
	dir := keyFolder(t)
	for _, tt := range []struct{ entry, address, sshd string }{
		{"a.example", "a.example", "a.example:22"},
		{"A.example:2222", "A.example", "A.example:2222"},
		{"my_host", "my_host", "my_host:22"},
		{"10.0.0.2", "10.0.0.2", "10.0.0.2:22"},
		{"10.0.0.2:2222", "10.0.0.2", "10.0.0.2:2222"},
		{"::1", "::1", "[::1]:22"},
		{"[::1]", "::1", "[::1]:22"},
		{"[2001:db8::7]:2222", "2001:db8::7", "[2001:db8::7]:2222"},
	} {
		c, err := parseEnv(map[string]string{"AUTH_TOKEN": "k", "SSH_DIR": dir, "LOCAL_ADDRESS": "here", "CONTAINER_HOSTS": tt.entry, "CONTAINER_HOSTS_KEYS": "u~plain"})
		if err != nil {
			t.Errorf("CONTAINER_HOSTS=%s: %v", tt.entry, err)
		} else if h := c.Hosts[0]; h.Name != tt.entry || h.Address != tt.address || h.SSH.Addr != tt.sshd {
			t.Errorf("CONTAINER_HOSTS=%s: name %q, address %q, sshd %q; want address %q, sshd %q", tt.entry, h.Name, h.Address, h.SSH.Addr, tt.address, tt.sshd)
		}
	}
}

func TestOnlyLocalHasAnAddressToPublishOn(t *testing.T) {
	c, err := parseEnv(map[string]string{
		"AUTH_TOKEN": "k", "SSH_DIR": keyFolder(t), "CONTAINER_HOSTS": "a,local", "CONTAINER_HOSTS_KEYS": "u~plain,", "PUBLISH_ADDRESS": "127.0.0.1",
	})
	if err != nil {
		t.Fatal(err)
	}
	if a, local := c.Hosts[0].Publish, c.Hosts[1].Publish; a != "" || local != "127.0.0.1" {
		t.Errorf("a publishes on %q, local on %q; want all addresses, and 127.0.0.1", a, local)
	}
}

func TestListsHaveAnEntryForEachHost(t *testing.T) {
	dir := keyFolder(t)
	writeKey(t, filepath.Join(dir, "spaced"), " x ")
	tls := &hosts.TLSFiles{Cert: "/c", Key: "/k"}
	for _, tt := range []struct {
		name, hosts, max, keys, keyFile, certs string
		want                                   []hosts.Host // of SSH only the user
	}{
		{"local alone", "local", "2", "", "", "/c~/k", []hosts.Host{{Name: "local", Address: "here", Max: 2, TLS: tls}}},
		{"local between", "a, local ,b", "1,2,3", "u~plain,,v~plain~ignored", "", "/c~/k,,/dev/null~/dev/null", []hosts.Host{
			{Name: "a", Address: "a", Max: 1, SSH: &hosts.SSH{User: "u"}, TLS: tls},
			{Name: "local", Address: "here", Max: 2},
			{Name: "b", Address: "b", Max: 3, SSH: &hosts.SSH{User: "v"}}}},
		{"one limit for all", "a,a:23", "7", " u ~ spaced ~ x , u~plain", "", "", []hosts.Host{
			{Name: "a", Address: "a", Max: 7, SSH: &hosts.SSH{User: "u"}},
			{Name: "a:23", Address: "a", Max: 7, SSH: &hosts.SSH{User: "u"}}}},
		{"key file, lines", "a,local,b", "7", "", "u~locked~hunter2,~ x\r\n\r\nv~plain\r\n", "", []hosts.Host{
			{Name: "a", Address: "a", Max: 7, SSH: &hosts.SSH{User: "u"}},
			{Name: "local", Address: "here", Max: 7},
			{Name: "b", Address: "b", Max: 7, SSH: &hosts.SSH{User: "v"}}}},
		{"key file, local last", "a,local", "7", "", "u~plain\n\n\n\n", "", []hosts.Host{
			{Name: "a", Address: "a", Max: 7, SSH: &hosts.SSH{User: "u"}},
			{Name: "local", Address: "here", Max: 7}}},
		{"key file, one line", "a", "7", "", "u~locked~hunter2,~ x", "", []hosts.Host{{Name: "a", Address: "a", Max: 7, SSH: &hosts.SSH{User: "u"}}}},
		{"key file, commas", "a,b", "7", "", "u~plain,v~plain\n", "", []hosts.Host{
			{Name: "a", Address: "a", Max: 7, SSH: &hosts.SSH{User: "u"}},
			{Name: "b", Address: "b", Max: 7, SSH: &hosts.SSH{User: "v"}}}},
	} {
		env := map[string]string{
			"AUTH_TOKEN": "k", "SSH_DIR": dir, "LOCAL_ADDRESS": "here", "CONTAINER_HOSTS": tt.hosts,
			"MAX_CONTAINERS_RUNNING": tt.max, "CONTAINER_HOSTS_KEYS": tt.keys, "CONTAINER_HOSTS_TLS_CERTS": tt.certs,
		}
		if tt.keyFile != "" {
			env["CONTAINER_HOSTS_KEYS_FILE"] = writeFile(t, filepath.Join(t.TempDir(), "keys"), tt.keyFile)
		}
		c, err := parseEnv(env)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		for i, h := range c.Hosts {
			if h.SSH == nil {
				continue
			}
			if h.SSH.Signer == nil {
				t.Errorf("%s: host %s has no key", tt.name, h.Name)
			}
			c.Hosts[i].SSH = &hosts.SSH{User: h.SSH.User}
		}
		if diff := cmp.Diff(tt.want, c.Hosts); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestHostProblemShowsNoPassphrase(t *testing.T) {
	dir := keyFolder(t)
	good := map[string]string{"AUTH_TOKEN": "k", "SSH_DIR": dir, "CONTAINER_HOSTS": "a,b", "CONTAINER_HOSTS_KEYS": "u~plain,u~plain"}
	const keys = "CONTAINER_HOSTS_KEYS: "
	for _, tt := range []struct{ variable, value, want string }{
		{"CONTAINER_HOSTS", "a,", `CONTAINER_HOSTS="a,": entry "": want host, host:sshport or local`},
		{"CONTAINER_HOSTS", "a,u@b", `CONTAINER_HOSTS="a,u@b": entry "u@b": want host`},
		{"CONTAINER_HOSTS", "a,b:0", `CONTAINER_HOSTS="a,b:0": entry "b:0": want host`},
		{"CONTAINER_HOSTS", "a,b:65536", `CONTAINER_HOSTS="a,b:65536": entry "b:65536": want host`},
		{"CONTAINER_HOSTS", "a,b:", `CONTAINER_HOSTS="a,b:": entry "b:": want host`},
		{"CONTAINER_HOSTS", "a,[::1", `CONTAINER_HOSTS="a,[::1": entry "[::1": want host`},
		{"CONTAINER_HOSTS", "a,-o", `CONTAINER_HOSTS="a,-o": entry "-o": want host`},
		{"CONTAINER_HOSTS", "a,A:22", `CONTAINER_HOSTS="a,A:22": entry "A:22": want each host once`},
		{"CONTAINER_HOSTS", "a,A.", `CONTAINER_HOSTS="a,A.": entry "A.": want each host once`},
		{"CONTAINER_HOSTS", "local,local", `CONTAINER_HOSTS="local,local": entry "local": want each host once`},
		{"CONTAINER_HOSTS", "a,b,c", keys + "number of entries: 2, want 3 as in CONTAINER_HOSTS"},
		{"MAX_CONTAINERS_RUNNING", "1,2,3", `MAX_CONTAINERS_RUNNING="1,2,3": number of entries: 3, want 2 as in CONTAINER_HOSTS`},
		{"MAX_CONTAINERS_RUNNING", "1,-5", `MAX_CONTAINERS_RUNNING="1,-5": entry "-5": want a whole number`},
		{"MAX_CONTAINERS_RUNNING", "1,60000", `START_PORT="9090": with 60000 containers on a host, and 16 spare ports above them (SPARE_PORTS), want at most 5520`},
		{"MAX_CONTAINERS_RUNNING", "60000,1", `START_PORT="9090": with 60000 containers on a host`},
		{"CONTAINER_HOSTS_KEYS", "", keys + "not set, want user~keyfile"},
		{"CONTAINER_HOSTS_KEYS", "u~plain", keys + "number of entries: 1, want 2"},
		{"CONTAINER_HOSTS_KEYS", "u~plain,u~locked~hunter2,~ x", keys + "number of entries: 3, want 2"},
		{"CONTAINER_HOSTS_KEYS", "u~plain,", keys + "host b: want user~keyfile or user~keyfile~passphrase"},
		{"CONTAINER_HOSTS_KEYS", "u~plain,hunter2", keys + "host b: want user~keyfile or"},
		{"CONTAINER_HOSTS_KEYS", "u~plain,~plain~hunter2", keys + "host b: want user~keyfile or"},
		{"CONTAINER_HOSTS_KEYS", "u~plain,u~~hunter2", keys + "host b: want user~keyfile or"},
		{"CONTAINER_HOSTS_KEYS", "u~plain,u~none~hunter2", keys + "host b: read key: open " + dir + "/none: no such file"},
		{"CONTAINER_HOSTS_KEYS", "u~plain,u~no\nne~hunter2", keys + "host b: read key: open " + dir + "/no?ne: no such file"},
		{"CONTAINER_HOSTS_KEYS", "u~plain,u~locked", keys + "host b: key " + dir + "/locked has a passphrase"},
		{"CONTAINER_HOSTS_KEYS", "u~plain,u~locked~hunter2~", keys + "host b: key " + dir + "/locked does not open"},
		{"CONTAINER_HOSTS_KEYS", "u~plain,u~junk~hunter2", keys + "host b: key " + dir + "/junk"},
		{"CONTAINER_HOSTS_KEYS", "u~plain,u~plain.pub", keys + "host b: key " + dir + "/plain.pub is a public key, want the private one"},
		{"CONTAINER_HOSTS_KEYS_FILE", "/none", `CONTAINER_HOSTS_KEYS_FILE="/none": is set, and so is CONTAINER_HOSTS_KEYS`},
		{"CONTAINER_HOSTS_TLS_CERTS", "/c~/k", `CONTAINER_HOSTS_TLS_CERTS="/c~/k": number of entries: 1, want 2`},
		{"CONTAINER_HOSTS_TLS_CERTS", "/c~/k,c~/k", `CONTAINER_HOSTS_TLS_CERTS="/c~/k,c~/k": entry "c~/k": want cert~key`},
		{"CONTAINER_HOSTS_TLS_CERTS", ",/c", `CONTAINER_HOSTS_TLS_CERTS=",/c": entry "/c": want cert~key`},
		{"CONTAINER_HOSTS_TLS_CERTS", ",/c~/dev/null", `CONTAINER_HOSTS_TLS_CERTS=",/c~/dev/null": entry "/c~/dev/null": want cert~key`},
		{"CONTAINER_HOSTS_TLS_CERTS", ",/c~/k:/x", `CONTAINER_HOSTS_TLS_CERTS=",/c~/k:/x": entry "/c~/k:/x": want cert~key`},
	} {
		env := maps.Clone(good)
		env[tt.variable] = tt.value
		_, err := parseEnv(env)
		if err == nil {
			t.Errorf("%s=%q: no problem, want %q", tt.variable, tt.value, tt.want)
		} else if got := err.Error(); !strings.HasPrefix(got, tt.want) || strings.Contains(got, "\n") || strings.Contains(got, "hunter2") {
			t.Errorf("%s=%q:\n%s\nwant one line that starts with\n%s", tt.variable, tt.value, got, tt.want)
		}
	}
}
