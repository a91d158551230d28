package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wrpdistributor/internal/hosts"
)

// parseHosts parses a HOSTS_FILE with that text.
func parseHosts(t testing.TB, text string, env map[string]string) (*Config, error) {
	t.Helper()
	all := map[string]string{"AUTH_TOKEN": "k", "SSH_DIR": keyFolder(t), "HOSTS_FILE": writeFile(t, filepath.Join(t.TempDir(), "hosts"), text)}
	for name, value := range env {
		all[name] = value
	}
	return parseEnv(all)
}

func TestHostsFileHasOneHostALine(t *testing.T) {
	other := keyFolder(t) // for absolute paths
	passphrase := writeFile(t, filepath.Join(t.TempDir(), "pass"), "hunter2,~ x\r\n")
	text := "\ufeff# all hosts\r\n" +
		"a.example user=u key=plain max=20 tls=/c.pem~/k.pem warm=2 warm-tls=1  # the large one\r\n" +
		"\n" +
		"\t[2001:db8::7]:2222\tkey=" + other + "/locked passphrase-file=" + passphrase + " user=v#2 max=auto\n" +
		"#b.example user=u key=plain\n" +
		"local"
	c, err := parseHosts(t, text, map[string]string{
		"CONTAINER_HOSTS": "local", "MAX_CONTAINERS_RUNNING": "7", "WARM_CONTAINERS": "3", "WARM_TLS_CONTAINERS": "4", "LOCAL_ADDRESS": "here", "PUBLISH_ADDRESS": "127.0.0.1",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range c.Hosts[:2] {
		if h.SSH.Signer == nil {
			t.Errorf("host %s has no key", h.Name)
		}
		h.SSH.Signer = nil
	}
	want := []hosts.Host{
		{Name: "a.example", Address: "a.example", SSH: &hosts.SSH{Addr: "a.example:22", User: "u"}, Max: 20, TLS: &hosts.TLSFiles{Cert: "/c.pem", Key: "/k.pem"}, Warm: 2, WarmTLS: 1},
		{Name: "[2001:db8::7]:2222", Address: "2001:db8::7", SSH: &hosts.SSH{Addr: "[2001:db8::7]:2222", User: "v#2"}, Max: 100, Auto: true, Warm: 3},
		{Name: "local", Address: "here", Publish: "127.0.0.1", Max: 7, Warm: 3},
	}
	if diff := cmp.Diff(want, c.Hosts); diff != "" {
		t.Errorf("hosts (-want +got):\n%s", diff)
	}
}

// TestEveryProblemOfAHostsFileIsReported with its line, and without what may be a secret.
func TestEveryProblemOfAHostsFileIsReported(t *testing.T) {
	dir := keyFolder(t)
	_, err := parseHosts(t, `a user=u key=plain
# a comment counts as a line
A.:22 user=u key=plain
b:0 user=u key=plain
c wrp~plain~hunter2
d user=u key=plain passphrase=hunter2
local user=u
`, map[string]string{"SSH_DIR": dir})
	lines := func(err error) []string {
		if err == nil {
			return nil
		}
		all := strings.Split(err.Error(), "\n")
		for i, line := range all {
			if _, after, ok := strings.Cut(line, "hosts\": "); ok && strings.HasPrefix(line, "HOSTS_FILE=") {
				all[i] = after
			}
		}
		return all
	}
	want := []string{
		"line 3: A.:22: want each host once, it is that of line 1",
		`line 4: "b:0": want host, host:sshport or local, then options, such as a.example user=wrp key=a.key max=20; an IPv6 address with a port in brackets`,
		"line 5: c: word 2 is not NAME=value",
		`line 6: d: no option "passphrase", want user, key, passphrase-file, max, tls, warm or warm-tls`,
		"line 7: local: is this machine's own engine, want neither user nor key",
	}
	if diff := cmp.Diff(want, lines(err)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	pipe := namedPipe(t)
	for _, tt := range []struct{ line, want string }{
		{"a", "line 1: a: want user= and key=, such as"},
		{"a user=u key=" + pipe, "line 1: a: read key: " + pipe + " is a named pipe, want a file"},
		{"a user=u key=locked passphrase-file=" + pipe, "line 1: a: passphrase-file: want a readable file: " + pipe + " is a named pipe"},
		{"a user=u", "line 1: a: want user= and key="},
		{"a user=u key=none", "line 1: a: read key: open " + dir + "/none: no such file"},
		{"a user=u key=locked", "line 1: a: key " + dir + "/locked has a passphrase"},
		{"a user=u key=locked passphrase-file=junk", "line 1: a: key " + dir + "/locked does not open"},
		{"a user=u key=locked passphrase-file=none", "line 1: a: passphrase-file: want a readable file: open " + dir + "/none"},
		{"a user=u key=plain.pub", "line 1: a: key " + dir + "/plain.pub is a public key"},
		{"a user=u user=v key=plain", "line 1: a: want user once"},
		{"a user=u key=plain max=", "line 1: a: max is empty"},
		{"a user=u key=plain max=0", "line 1: a: max=0: want a whole number from 1 to 65535, or auto"},
		{"a user=u key=plain max=60000", `START_PORT="9090": with 60000 containers on a host`},
		{"a user=u key=plain tls=/c", "line 1: a: tls=/c: want cert~key"},
		{"a user=u key=plain warm=-1", "line 1: a: warm=-1: want a whole number from 0"},
		{"a user=u key=plain warm=11", "line 1: a: 11 containers are to wait there (warm and warm-tls), want at most its max, which is 10"},
		{"a user=u key=plain warm-tls=1", "line 1: a: warm-tls: want tls= as well"},
		{"a,b user=u key=plain", `line 1: "a,b": want host, host:sshport or local`},
		{"", "the file has no host, want one on each line, such as"},
		{" # a user=u key=plain", "the file has no host"},
		{"\xff\xfea", "want a readable file: it is UTF-16 text"},
	} {
		_, err := parseHosts(t, tt.line, map[string]string{"SSH_DIR": dir})
		if got := lines(err); len(got) != 1 || !strings.HasPrefix(got[0], tt.want) {
			t.Errorf("%q:\n%v\nwant one that starts with\n%s", tt.line, err, tt.want)
		}
	}
	if _, err := parseHosts(t, strings.Repeat("junk junk\n", 300), nil); len(lines(err)) != 11 || !strings.HasSuffix(err.Error(), "and 589 problems more") {
		t.Errorf("of a file of junk:\n%v\nwant ten problems, and a sum", err)
	}
}

// TestHostsStandInOnePlace: a list beside the file is a problem, one number for all is not.
func TestHostsStandInOnePlace(t *testing.T) {
	for variable, value := range map[string]string{
		"CONTAINER_HOSTS": "a", "CONTAINER_HOSTS_KEYS": "u~hunter2", "CONTAINER_HOSTS_KEYS_FILE": "keys", "CONTAINER_HOSTS_TLS_CERTS": "/c~/k",
		"MAX_CONTAINERS_RUNNING": "1,2", "WARM_CONTAINERS": "1,2", "WARM_TLS_CONTAINERS": "1,2",
	} {
		_, err := parseHosts(t, "local", map[string]string{variable: value})
		if err == nil || !strings.HasPrefix(err.Error(), variable) || !strings.Contains(err.Error(), "HOSTS_FILE") ||
			strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s=%s beside HOSTS_FILE: %v, want one problem", variable, value, err)
		}
	}
	if _, err := parseEnv(map[string]string{"AUTH_TOKEN": "k", "HOSTS_FILE": "none"}); err == nil || !strings.HasPrefix(err.Error(), `HOSTS_FILE="none": want a readable file: open none: no such file`) {
		t.Errorf("without the file: %v", err)
	}
	if _, err := parseEnv(map[string]string{"AUTH_TOKEN": "k", "HOSTS_FILE": namedPipe(t)}); err == nil || !strings.Contains(err.Error(), "is a named pipe, want a file") {
		t.Errorf("a pipe in place of the file: %v", err)
	}
}

// FuzzHostsFile: whatever stands in it, hosts are good or there is a problem of one line,
// and no problem shows more than one line.
func FuzzHostsFile(f *testing.F) {
	for _, seed := range []string{"a user=u key=k max=auto", "local max=3 warm=1 tls=/c~/k # x", "a:22\nA user==", "[::1]:2 key=/x", "\x00=\x01"} {
		f.Add(seed)
	}
	dir := f.TempDir()
	writeKey(f, filepath.Join(dir, "k"), "")
	file := filepath.Join(dir, "hosts")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		v := variablesOf(map[string]string{"HOSTS_FILE": file, "SSH_DIR": dir})
		p := new(parser)
		list := p.fromFile(&Config{}, v)
		if len(p.problems) == 0 && len(list) == 0 {
			t.Errorf("%q has neither hosts nor problems", text)
		}
		if n := strings.Count(fmt.Sprint(p.problems), "\n"); n >= max(1, len(p.problems)) {
			t.Errorf("%q: %d problems on %d lines", text, len(p.problems), n+1)
		}
		for _, h := range list {
			if len(p.problems) == 0 && (h.Max < 1 || h.Max > maxLimit || h.SSH != nil && h.SSH.Signer == nil || h.Warm+h.WarmTLS > h.Max) {
				t.Errorf("%q makes %+v", text, h)
			}
		}
	})
}

// namedPipe returns the path of a pipe that nobody writes to: whoever reads it waits.
func namedPipe(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
