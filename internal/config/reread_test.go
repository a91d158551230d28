package config

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestOnlyTheHostsAreReadAgain: with the settings of the start, whatever stands there now,
// and what has changed is named without its value.
func TestOnlyTheHostsAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	writeKey(t, path("k"), "")
	writeFile(t, path("hosts"), "a user=u key=k")
	writeFile(t, path("token"), "one")
	setenv(t, map[string]string{"AUTH_TOKEN_FILE": path("token")})
	env := "HOSTS_FILE=" + path("hosts") + "\nSSH_DIR=" + dir + "\nMAX_CONTAINERS_RUNNING=7\n"
	file := writeFile(t, path("env"), env)
	o, err := Remember(file)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := o.Hosts(); err != nil || len(list) != 1 || list[0].Max != 7 || len(o.Changed()) != 0 {
		t.Fatalf("hosts = %+v, %v, changed %v; want one, and nothing changed", list, err, o.Changed())
	}

	writeFile(t, path("hosts"), "a user=u key=k max=3\nlocal")
	writeFile(t, path("token"), "two")
	writeFile(t, file, strings.Replace(env, "=7", "=9", 1)+"LOG_FORMAT=json\n")
	list, err := o.Hosts()
	if err != nil || len(list) != 2 || list[0].Max != 3 || list[1].Max != 7 {
		t.Errorf("hosts = %+v, %v; want two, and 7 for the one without a limit", list, err)
	}
	if diff := cmp.Diff([]string{"AUTH_TOKEN_FILE", "MAX_CONTAINERS_RUNNING", "LOG_FORMAT"}, o.Changed()); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}

	writeFile(t, path("hosts"), "a user=u key=k max=x\nb")
	if _, err := o.Hosts(); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("of two bad lines: %v, want two problems", err)
	}
	writeFile(t, file, "\xff\xfe")
	if got := o.Changed(); len(got) != 1 || got[0] != file {
		t.Errorf("of a file that cannot be read: %v changed, want the file", got)
	}
}

func TestListsAreNotReadAgain(t *testing.T) {
	setenv(t, map[string]string{"AUTH_TOKEN": "k"})
	o, err := Remember("")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Hosts(); !errors.Is(err, ErrNoHostsFile) {
		t.Errorf("without HOSTS_FILE: %v, want ErrNoHostsFile", err)
	}
}
