package config

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestEnvironmentOfTheService: it wins over the file, and ours over it; no secret is told.
func TestEnvironmentOfTheService(t *testing.T) {
	t.Setenv("WRP_IMAGE", "theirs:1")
	t.Setenv("LISTEN", ":7001")
	t.Setenv("ADMIN_TOKEN", "s3cret")
	t.Setenv("SESSION_DATABASE_DSN", "mysql://u:s3cret@h/d")
	theirs := OwnEnvironment()
	if got := slices.Sorted(maps.Keys(theirs)); !slices.Equal(got, []string{"LISTEN", "WRP_IMAGE"}) {
		t.Fatalf("%q are told, want LISTEN and WRP_IMAGE", got)
	}
	for _, name := range []string{"WRP_IMAGE", "ADMIN_TOKEN", "SESSION_DATABASE_DSN"} {
		os.Unsetenv(name) // until the test ends
	}
	t.Setenv("LISTEN", ":7002")
	file := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(file, []byte("AUTH_TOKEN=x\nWRP_IMAGE=file:1\nLISTEN=:7003\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(file, theirs)
	if err != nil {
		t.Fatal(err)
	}
	if c.Container.Image != "theirs:1" || c.Listen != ":7002" || !slices.Equal(c.Theirs, []string{"WRP_IMAGE"}) {
		t.Errorf("image %s, listen %s, theirs %q; want theirs:1, :7002 and WRP_IMAGE", c.Container.Image, c.Listen, c.Theirs)
	}
}

// TestPretendSaysWhatItIgnores: only what was set to something else than the default.
func TestPretendSaysWhatItIgnores(t *testing.T) {
	t.Setenv("CONTAINER_HOSTS", "local")
	t.Setenv("HOSTS_FILE", "hosts")
	t.Setenv("SESSION_DATABASE_PASS", "s3cret")
	t.Setenv("MAX_CONTAINERS_RUNNING", "3")
	c, err := LoadPretend("", nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"HOSTS_FILE", "SESSION_DATABASE_PASS"}; !slices.Equal(c.Ignored, want) {
		t.Errorf("%q are ignored, want %q", c.Ignored, want)
	}
}

// TestPlaceOfHosts: where a name is to be corrected.
func TestPlaceOfHosts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(file, []byte("# ours\nlocal\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AUTH_TOKEN", "x")
	t.Setenv("CONTAINER_HOSTS", "local")
	for _, want := range []string{"entry 1 of CONTAINER_HOSTS", "line 2 of HOSTS_FILE=" + file} {
		c, err := Load("", nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Place("local"); got != want {
			t.Errorf("Place = %q, want %q", got, want)
		}
		t.Setenv("HOSTS_FILE", file)
	}
}
