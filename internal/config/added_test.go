package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wrpdistributor/internal/hosts"
)

// useHosts sets an environment of nothing but what hosts need.
func useHosts(t *testing.T, env map[string]string) (sshDir string) {
	t.Helper()
	sshDir = keyFolder(t)
	all := map[string]string{"AUTH_TOKEN": "k", "SSH_DIR": sshDir, "DATA_DIR": t.TempDir()}
	for name, value := range env {
		all[name] = value
	}
	setenv(t, all)
	return sshDir
}

func hostNames(list []hosts.Host) (names []string) {
	for _, h := range list {
		names = append(names, h.Name)
	}
	return names
}

// TestHostIsFoundWhereverItStands: also by another name of the same machine, and though
// the rest of the file is wrong.
func TestHostIsFoundWhereverItStands(t *testing.T) {
	file := writeFile(t, filepath.Join(t.TempDir(), "hosts"), "a.example:22 user=nobody\nb.example:2222 what=ever # b\n")
	for _, tt := range []struct{ variable, value, entry, want string }{
		{"HOSTS_FILE", file, "A.example", "a.example:22"},
		{"HOSTS_FILE", file, "b.example:2222", "b.example:2222"},
		{"HOSTS_FILE", file, "b.example", ""},
		{"HOSTS_FILE", file + ".none", "b.example", ""},
		{"CONTAINER_HOSTS", "local,c.example", "c.example.", "c.example"},
		{"CONTAINER_HOSTS", "local,c.example", "d.example", ""},
	} {
		useHosts(t, map[string]string{tt.variable: tt.value})
		w, err := Find("", nil, tt.entry)
		if err != nil || w.Name != tt.want || (w.HostsFile == "") != (tt.variable == "CONTAINER_HOSTS") {
			t.Errorf("%s in %s=%s is found as %q (%+v, %v), want %q", tt.entry, tt.variable, tt.value, w.Name, w, err, tt.want)
		}
	}
	for _, entry := range []string{"local", "a b", "x:0", ""} {
		if w, err := Find("", nil, entry); err == nil {
			t.Errorf("%q is found as %+v, want a problem", entry, w)
		}
	}
}

// TestHostIsAddedToThoseThatAre: to a file that may not be there yet, or to the lists, of
// which it needs nothing; and a mistake in it is one of the settings.
func TestHostIsAddedToThoseThatAre(t *testing.T) {
	const line = "new.example user=u key=plain max=3"
	folder := t.TempDir()
	for name, env := range map[string]map[string]string{
		"file":         {"HOSTS_FILE": writeFile(t, filepath.Join(folder, "hosts"), "a.example user=u key=plain max=7")},
		"missing file": {"HOSTS_FILE": filepath.Join(folder, "none")},
		"empty file":   {"HOSTS_FILE": writeFile(t, filepath.Join(folder, "empty"), "# nothing yet\n")},
		"lists":        {"CONTAINER_HOSTS": "a.example,local", "CONTAINER_HOSTS_KEYS": "u~plain,", "MAX_CONTAINERS_RUNNING": "7,2"},
		"default":      {},
	} {
		useHosts(t, env)
		c, err := LoadWith("", nil, line)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		added := c.Hosts[len(c.Hosts)-1]
		if added.Name != "new.example" || added.Max != 3 || added.SSH.User != "u" || added.SSH.Signer == nil {
			t.Errorf("%s: hosts are %q, want new.example last, with what its line says: %+v", name, hostNames(c.Hosts), added)
		}
		if _, err := LoadWith("", nil, "new.example user=u key=none max=3"); err == nil || !strings.Contains(err.Error(), "none") {
			t.Errorf("%s: a key that is not there: %v", name, err)
		}
	}
	if _, err := os.Stat(filepath.Join(folder, "none")); err == nil {
		t.Error("a HOSTS_FILE was made by looking")
	}
}

// TestListsAreConverted: as a file they say the same, but for passphrases, which are told
// of in comments.
func TestListsAreConverted(t *testing.T) {
	keys := writeFile(t, filepath.Join(t.TempDir(), "keys"), "u~plain\n\nv~locked~hunter2,~ x\n")
	dir := useHosts(t, map[string]string{
		"CONTAINER_HOSTS": "a.example:2222, local,b.example", "CONTAINER_HOSTS_KEYS_FILE": keys,
		"MAX_CONTAINERS_RUNNING": "auto,2,9", "WARM_CONTAINERS": "1,0,2", "CONTAINER_HOSTS_TLS_CERTS": ",,/c.pem~/k.pem",
	})
	lists, err := Load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := Converted("", nil, "new.example user=u key=plain max=3")
	if err != nil || strings.Contains(text, "hunter2") || !strings.Contains(text, "locked.pass") {
		t.Fatalf("converted: %v\n%s\nwant no passphrase, and where it is to be", err, text)
	}
	writeFile(t, filepath.Join(dir, "locked.pass"), "hunter2,~ x\n")
	useHosts(t, map[string]string{"SSH_DIR": dir, "HOSTS_FILE": writeFile(t, filepath.Join(t.TempDir(), "hosts"), text)})
	file, err := Load("", nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if got := file.Hosts[3]; got.Name != "new.example" || got.Max != 3 {
		t.Errorf("the last host is %+v, want the added one", got)
	}
	ignore := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Signer" }, cmp.Ignore())
	if diff := cmp.Diff(lists.Hosts, file.Hosts[:3], ignore); diff != "" {
		t.Errorf("hosts (-lists +file):\n%s\n%s", diff, text)
	}
}
