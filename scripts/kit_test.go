package scripts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wrpdistributor/internal/hosts/hoststest"
)

// newFolder returns a folder like the repository, with these lines in its .env. Of
// parts that are not named it has nothing.
func newFolder(t *testing.T, env []string, parts ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, part := range append(parts, "scripts", ".env.dist") {
		if err := copyTo(filepath.Join(dir, part), filepath.Join(hoststest.Root(t), part)); err != nil {
			t.Fatal(err)
		}
	}
	if env != nil {
		write(t, filepath.Join(dir, ".env"), strings.Join(env, "\n")+"\n", 0o600)
	}
	return dir
}

// copyTo copies a file or a folder by itself, so that "go test" knows what the
// test depends on.
func copyTo(to, from string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return os.CopyFS(to, os.DirFS(from))
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, info.Mode())
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// script runs a script of the folder, with no settings but its .env and those of
// env. It returns what was printed, and the exit code.
func script(t *testing.T, dir string, env []string, name string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "scripts", name), args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}, env...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// pretendDocker returns a PATH with an engine and a docker-compose 1.29 that only pretend: of the
// services run those whose names are files in the folder services, and what Compose was told is in
// the file told. More is a part of docker-compose, which knows its command as $command.
func pretendDocker(t *testing.T, dir, more string) []string {
	t.Helper()
	write(t, filepath.Join(dir, "services/.keep"), "", 0o600)
	write(t, filepath.Join(dir, "fake/docker"), `#!/bin/sh
case "$*" in
"compose version") exit 1 ;;
*.State.Running*) echo true ;;
*.State.Health.Status*) echo healthy ;;
esac
`, 0o700)
	write(t, filepath.Join(dir, "fake/docker-compose"), `#!/bin/sh
while [ "$1" != -p ]; do shift; done
shift 2
command=$1
echo "$*" >>told
`+more+`
case $command in
ps) for name; do [ ! -e "services/$name" ] || echo "id-$name"; done ;;
up) for name; do case $name in -* | up) ;; *) touch "services/$name" ;; esac; done ;;
stop) for name; do rm -f "services/$name"; done ;;
esac
`, 0o700)
	return []string{"PATH=" + filepath.Join(dir, "fake") + ":" + os.Getenv("PATH")}
}

// told returns what Compose was told, and that it was.
func told(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "told"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// succeeds is [script], which has to end with 0 and to say want.
func succeeds(t *testing.T, want, dir string, env []string, name string, args ...string) {
	t.Helper()
	if out, code := script(t, dir, env, name, args...); code != 0 || !strings.Contains(out, want) {
		t.Fatalf("%s %v: exit code %d, want 0 and %q:\n%s", name, args, code, want, out)
	}
}

// refuses is [script], which has to end with 1 and to say want.
func refuses(t *testing.T, want, dir string, env []string, name string, args ...string) {
	t.Helper()
	if out, code := script(t, dir, env, name, args...); code != 1 || !strings.Contains(out, want) {
		t.Errorf("%s %v: exit code %d, want 1 and %q:\n%s", name, args, code, want, out)
	}
}

// patience is far longer than anything takes on a slow machine.
const patience = 5 * time.Minute

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("interrupted before: %s", what)
		case <-time.After(200 * time.Millisecond):
		}
	}
}
