package scripts_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"wrpdistributor/internal/hosts/hoststest"
)

// typed types a block of the document, as its first one tells where the folders are, and
// returns what was printed.
func (l *legacy) typed(heading string, block int) string {
	l.t.Helper()
	blocks := l.document[heading]
	if block >= len(blocks) || len(l.document[""]) != 1 {
		l.t.Fatalf("docs/migrate-from-php.md has %d blocks to type under %q, and %d at its beginning", len(blocks), heading, len(l.document[""]))
	}
	text := strings.NewReplacer(l.names...).Replace(l.document[""][0] + "\n" + blocks[block])
	out, err := l.command("sh", "-euc", text).CombinedOutput()
	l.t.Logf("%s\n%s", text, out)
	if err != nil {
		l.t.Fatal(err)
	}
	return string(out)
}

// hasBlocks: whoever adds one to the document has to have it typed.
func (l *legacy) hasBlocks(heading string, want int) {
	l.t.Helper()
	if got := len(l.document[heading]); got != want {
		l.t.Fatalf("docs/migrate-from-php.md has %d blocks under %q, and the test types %d", got, heading, want)
	}
}

// command is one of those that are typed, in the folder of ours.
func (l *legacy) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = l.newDir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}, l.env...)
	return cmd
}

// printed is what a command prints that has to succeed; input is for it to read.
func printed(t *testing.T, cmd *exec.Cmd, input string) string {
	t.Helper()
	var diagnosis bytes.Buffer
	cmd.Stdin, cmd.Stderr = strings.NewReader(input), &diagnosis
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", cmd, err, out, &diagnosis)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// mysqlIn asks a MySQL in a container.
func mysqlIn(t *testing.T, container, statements string, args ...string) string {
	t.Helper()
	return printed(t, exec.Command("docker", append([]string{"exec", "-i", container, "mysql", "-N", "-B", "--raw"}, args...)...), statements)
}

// awaitHealthy waits for a container that says of itself whether it serves.
func awaitHealthy(t *testing.T, container string) {
	t.Helper()
	eventually(t, container+" is healthy", func() bool {
		return hoststest.Docker(t, "inspect", "-f", "{{.State.Health.Status}}", container) == "healthy"
	})
}

const patience = 5 * time.Minute // far longer than anything takes on a slow machine

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
