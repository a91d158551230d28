package scripts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestHelp: every script that somebody calls says what it is for, and does nothing then, nor
// when it is called with what it does not know.
func TestHelp(t *testing.T) {
	dir := newFolder(t, nil, "docker/host")
	for _, program := range []string{"docker", "docker-compose", "go", "git", "nft", "apt-get"} {
		write(t, filepath.Join(dir, "fake", program), "#!/bin/sh\necho $0 is called\n", 0o700)
	}
	scripts, err := filepath.Glob(filepath.Join(dir, "scripts/*.sh"))
	if err != nil {
		t.Fatal(err)
	}
	before := names(t, dir)
	for _, path := range append(scripts, filepath.Join(dir, "docker/host/wrp-egress.sh")) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		rest, called := strings.CutPrefix(string(text), "#!/bin/sh\n")
		if !called { // read by others
			continue
		}
		name := filepath.Base(path)
		for _, arg := range []string{"-h", "--help"} {
			if out, code := inItsFolder(t, dir, path, arg); code != 0 || out != leadingComment(rest) {
				t.Errorf("%s %s: exit code %d, want 0 and what stands at its beginning:\n%s", name, arg, code, out)
			}
		}
		if name == "stack.sh" || name == "container-host.sh" { // Compose or Docker may know it
			continue
		}
		if out, code := inItsFolder(t, dir, path, "--nonsense"); code == 0 || strings.Contains(out, "is called") {
			t.Errorf("%s --nonsense: exit code %d, want another than 0:\n%s", name, code, out)
		}
	}
	if after := names(t, dir); len(after) != len(before) {
		t.Errorf("there was %q, now there is %q", before, after)
	}
}

// inItsFolder runs a script as ./NAME.
func inItsFolder(t *testing.T, dir, path, arg string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "./"+filepath.Base(path), arg)
	cmd.Dir = filepath.Dir(path)
	cmd.Env = []string{"PATH=" + filepath.Join(dir, "fake") + ":" + os.Getenv("PATH"), "HOME=" + dir}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatalf("%s: %v", path, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// leadingComment returns the comment that text begins with, without its marks.
func leadingComment(text string) string {
	var comment strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			break
		}
		comment.WriteString(strings.TrimPrefix(strings.TrimPrefix(line, "#"), " "))
	}
	return comment.String()
}
