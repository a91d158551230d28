package torture

import (
	"os/exec"
	"path/filepath"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
)

// addOld adds distributors of an older revision, as they run beside today's while a
// service of several replicas is upgraded one by one.
func (p *programs) addOld(o options) {
	bin := buildOld(p.t, o.old)
	for range 2 {
		d := newDistributor(p.t, len(p.distributors), o)
		d.name, d.bin = "old "+d.name, bin
		p.distributors = append(p.distributors, d)
	}
}

// buildOld builds the commands of a revision of this repository, and returns where they
// are.
func buildOld(t *testing.T, revision string) (bin string) {
	t.Helper()
	dir := t.TempDir()
	source, bin := filepath.Join(dir, "source"), filepath.Join(dir, "bin")
	root := hoststest.Root(t)
	run(t, root, "git", "archive", "-o", dir+"/source.tar", "--prefix", "source/", revision)
	run(t, dir, "tar", "-xf", "source.tar")
	run(t, source, "go", "build", "-o", bin+"/", "./cmd/...")
	return bin
}

func run(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", program, args, err, out)
	}
}
