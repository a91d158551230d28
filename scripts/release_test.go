package scripts_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
)

// git runs git in a folder, as somebody whose settings are nobody's.
func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=a", "-c", "user.email=a@a.example", "-c", "commit.gpgsign=false"}, args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

// commit makes a folder a repository of one commit.
func commit(t *testing.T, dir string) {
	t.Helper()
	git(t, dir, "init", "-q")
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", "all")
}

// TestReleaseIsOfACommit: what is in none would be in nobody's hands but ours.
func TestReleaseIsOfACommit(t *testing.T) {
	dir := newFolder(t, nil)
	refuses(t, "RELEASE=sparc: want some of amd64, arm64 and armv7", dir, []string{"RELEASE=sparc"}, "release.sh")
	refuses(t, "there is none here: git clone", dir, []string{"GIT_CEILING_DIRECTORIES=" + filepath.Dir(dir)}, "release.sh")
	commit(t, dir)
	write(t, filepath.Join(dir, "new.go"), "package main\n", 0o600)
	refuses(t, "git stash them.\n?? new.go", dir, nil, "release.sh")
	refuses(t, "There is no release in dist/: make release", dir, nil, "release-image.sh")
}

// TestLastReleaseIsTheNewest, by its numbers, and nothing that is not a release.
func TestLastReleaseIsTheNewest(t *testing.T) {
	dir := newFolder(t, nil)
	last := filepath.Join(hoststest.Root(t), ".github", "last-release.sh")
	run := func(want string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), last, "git", "describe", "--tags")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil || string(out) != want {
			t.Errorf("last-release.sh: %v, %q; want %q", err, out, want)
		}
	}
	commit(t, dir)
	run("There is no release yet.\n")
	for _, tag := range []string{"v1.2.9", "v1.2.10", "v1.3.0-rc1", "verify"} {
		git(t, dir, "commit", "-q", "--allow-empty", "-m", tag)
		git(t, dir, "tag", tag)
	}
	run("In v1.2.10:\nv1.2.10\n")
}

// TestE2ERelease: the same commit makes the same bytes in another folder, in another time zone
// and under another mask; and the image of them is small.
func TestE2ERelease(t *testing.T) {
	proctest.E2E(t)
	one := newFolder(t, nil, "go.mod", "go.sum", "cmd", "internal", "migrations", "docker", "docs", "packaging", "LICENSE", ".gitignore",
		"README.md", "CHANGELOG.md", "SECURITY.md", "INTEGRATION.md", "CONTRIBUTING.md")
	commit(t, one)
	git(t, one, "tag", "v1.2.3")
	other := filepath.Join(t.TempDir(), "a folder with a longer name")
	git(t, one, "clone", "-q", ".", other)
	succeeds(t, "Made the release 1.2.3 in dist/", one, []string{"RELEASE=amd64"}, "release.sh")
	write(t, filepath.Join(other, "scripts/masked.sh"), "#!/bin/sh\numask 077\nexec \"$(dirname \"$0\")/release.sh\"\n", 0o700)
	write(t, filepath.Join(other, ".git/info/exclude"), "masked.sh\n", 0o600)
	succeeds(t, "Made the release 1.2.3 in dist/", other, []string{"RELEASE=amd64", "TZ=Asia/Tokyo", "LC_ALL=C"}, "masked.sh")

	names := isTheSame(t, filepath.Join(one, "dist"), filepath.Join(other, "dist"))
	want := []string{"SHA256SUMS", "wrp-distributor-1.2.3-linux-amd64-cleanup.cdx.json", "wrp-distributor-1.2.3-linux-amd64-distributor.cdx.json",
		"wrp-distributor-1.2.3-linux-amd64-hostguard.cdx.json", "wrp-distributor-1.2.3-linux-amd64.tar.gz",
		"wrp-distributor_1.2.3_amd64.deb", "wrp-hostguard_1.2.3_amd64.deb"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("files of the release (-want +got):\n%s", diff)
	}
	isSummedUp(t, filepath.Join(one, "dist"), names)
	isWhole(t, filepath.Join(one, "dist", "wrp-distributor-1.2.3-linux-amd64.tar.gz"))
	t.Run("image", func(t *testing.T) { imageIsSmall(t, one) })
}

// isTheSame compares the files of two folders, and returns their names.
func isTheSame(t *testing.T, one, other string) []string {
	t.Helper()
	entries, err := os.ReadDir(one)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
		if read(t, filepath.Join(one, e.Name())) != read(t, filepath.Join(other, e.Name())) {
			t.Errorf("%s differs between two builds", e.Name())
		}
	}
	return names
}

// isSummedUp: each file but the sums themselves has one that is right.
func isSummedUp(t *testing.T, dist string, names []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sha256sum", "-c", "--strict", "SHA256SUMS")
	cmd.Dir = dist
	if out, err := cmd.CombinedOutput(); err != nil || bytes.Count(out, []byte(": OK")) != len(names)-1 {
		t.Errorf("sums of %d files: %v\n%s", len(names)-1, err, out)
	}
}

// isWhole: what README tells to type is there, what nobody needs is not, and the program knows
// its version.
func isWhole(t *testing.T, archive string) {
	t.Helper()
	file, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "distributor")
	var names []string
	for r := tar.NewReader(unzipped); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, strings.TrimPrefix(h.Name, "wrp-distributor-1.2.3/"))
		if h.Uid != 0 || h.Gid != 0 || h.Mode&0o022 != 0 || h.Mode&0o044 != 0o044 {
			t.Errorf("%s is of %d:%d, mode %o; want root's, for all to read", h.Name, h.Uid, h.Gid, h.Mode)
		}
		if strings.HasSuffix(h.Name, "/bin/distributor") {
			text, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			write(t, program, string(text), 0o700)
		}
	}
	for _, want := range []string{"bin/distributor", "bin/cleanup", "bin/hostguard", ".env.dist", "LICENSE", "README.md", "docs/operations.md", "docker/host/wrp-egress.sh"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is missing in the archive", want)
		}
	}
	if i := slices.IndexFunc(names, func(n string) bool { return strings.HasSuffix(n, ".go") }); i >= 0 {
		t.Errorf("%s is in the archive", names[i])
	}
	if out, err := exec.CommandContext(t.Context(), program, "version").CombinedOutput(); err != nil || !strings.Contains(string(out), "v1.2.3") {
		t.Errorf("version: %v\n%s; want v1.2.3", err, out)
	}
}

// imageIsSmall: it is at most 25 MB, which the script holds, and has no other programs than
// those of the service.
func imageIsSmall(t *testing.T, dir string) {
	t.Helper()
	hoststest.StandIn(t) // or there is no Docker
	t.Cleanup(func() { _ = exec.Command("docker", "rmi", "wrpdistributor:1.2.3").Run() })
	succeeds(t, "Built the image wrpdistributor:1.2.3, ", dir, nil, "release-image.sh")
	id := hoststest.Docker(t, "create", "wrpdistributor:1.2.3")
	defer hoststest.Docker(t, "rm", id)
	out, err := exec.CommandContext(t.Context(), "docker", "export", id).Output()
	if err != nil {
		t.Fatal(err)
	}
	var programs []string
	for r := tar.NewReader(bytes.NewReader(out)); ; {
		h, err := r.Next()
		if err != nil {
			break
		}
		if h.Mode&0o111 != 0 && h.Typeflag == tar.TypeReg && !strings.HasPrefix(h.Name, ".") && !strings.HasPrefix(h.Name, "dev/") && !strings.HasPrefix(h.Name, "etc/") {
			programs = append(programs, h.Name)
		}
	}
	slices.Sort(programs)
	if diff := cmp.Diff([]string{"cleanup", "distributor"}, programs); diff != "" {
		t.Errorf("programs of the image (-want +got):\n%s", diff)
	}
}
