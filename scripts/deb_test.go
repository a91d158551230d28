package scripts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
)

// TestDebRefuses what it does not know, before it builds anything.
func TestDebRefuses(t *testing.T) {
	dir := newFolder(t, nil)
	refuses(t, "ARCH=mips: want amd64, arm64 or armhf", dir, []string{"ARCH=mips"}, "deb.sh")
	refuses(t, "there is no package cleanup", dir, []string{"VERSION=1"}, "deb.sh", "cleanup")
	refuses(t, "set VERSION=1.2.3", dir, nil, "deb.sh")
}

// TestHalfAPackageIsNone: where the packages are to be is none that broke off.
func TestHalfAPackageIsNone(t *testing.T) {
	dist, bin := t.TempDir(), t.TempDir()
	write(t, filepath.Join(bin, "go"), "#!/bin/sh\n[ \"$1\" = tool ] || exit 0\nfor file; do :; done\necho half >\"$file\"\nexit 1\n", 0o755)
	env := []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "ARCH=amd64", "VERSION=1", "DIST=" + dist}
	refuses(t, "cannot be made", hoststest.Root(t), env, "deb.sh", "hostguard")
	if left, err := os.ReadDir(dist); err != nil || len(left) > 0 {
		t.Errorf("%v, %v is left of a package that broke off", left, err)
	}
}

// TestGuardsSettingsShowTheDefaults: each line of the file that is commented out says what
// holds without it.
func TestGuardsSettingsShowTheDefaults(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(hoststest.Root(t), "packaging/hostguard/wrp-hostguard.conf"))
	if err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder
	for line := range strings.Lines(string(text)) {
		if setting, ok := strings.CutPrefix(line, "#"); ok && !strings.HasPrefix(setting, " ") && strings.Contains(setting, "=") {
			shown.WriteString(setting)
		}
	}
	dir := t.TempDir()
	check := func(name, settings string) string {
		t.Helper()
		file := filepath.Join(dir, name)
		write(t, file, settings, 0o644)
		out, err := exec.Command("go", "run", "wrpdistributor/cmd/hostguard", "--check", "--config", file).CombinedOutput()
		if err != nil {
			t.Fatalf("hostguard --check: %v\n%s", err, out)
		}
		return string(out)
	}
	if got, want := check("shown", shown.String()), check("empty", ""); got != want || strings.Count(shown.String(), "\n") < 9 {
		t.Errorf("the settings that the file shows come to\n%swant what an empty one does:\n%s", got, want)
	}
}

// makeDebs makes both packages, as version 1 and as version 2.
func makeDebs(t *testing.T) (folder string) {
	t.Helper()
	folder = t.TempDir()
	env := []string{"VERSION=1.0~test", "SOURCE_DATE_EPOCH=1700000000", "DIST=" + folder}
	root := hoststest.Root(t)
	succeeds(t, "Made ", root, env, "deb.sh")
	made, err := filepath.Glob(folder + "/*.deb")
	if err != nil || len(made) != 2 {
		t.Fatalf("made %v, %v; want two packages", made, err)
	}
	again := t.TempDir()
	env[len(env)-1] = "DIST=" + again
	succeeds(t, "Made ", root, env, "deb.sh", "hostguard")
	for _, file := range made {
		if name := filepath.Base(file); strings.HasPrefix(name, "wrp-hostguard") {
			isSame(t, file, filepath.Join(again, name))
		}
		withVersion(t, file, "2.0~test")
	}
	return folder
}

func isSame(t *testing.T, a, b string) {
	t.Helper()
	if out, err := exec.Command("cmp", a, b).CombinedOutput(); err != nil {
		t.Errorf("made twice, a package has other bytes: %v\n%s", err, out)
	}
}

// TestE2EPackages takes the Debian packages through their life on a machine with systemd:
// installation, first start, main job, upgrade, removal, purge.
func TestE2EPackages(t *testing.T) {
	proctest.E2E(t)
	packages := makeDebs(t)
	t.Run("lintian", func(t *testing.T) { lintian(t, packages) })
	t.Run("hostguard", func(t *testing.T) {
		p := &guardPackage{startMachine(t, packages)}
		p.installs()
		p.upgrades()
		p.isPurged()
	})
	t.Run("distributor", func(t *testing.T) {
		hoststest.StandIn(t)
		p := &distributorPackage{machine: startMachine(t, packages)}
		p.installsWithoutStarting()
		p.starts()
		p.servesAfterOneLine()
		p.upgrades()
		p.isRootsToAsk()
		p.isRemovedAndComesBack()
		p.isPurged()
	})
}

func lintian(t *testing.T, packages string) {
	t.Helper()
	if _, err := exec.LookPath("lintian"); err != nil {
		hoststest.Missing(t, "lintian")
	}
	files, _ := filepath.Glob(packages + "/*1.0*.deb")
	if out, err := exec.Command("lintian", append([]string{"--allow-root", "--fail-on", "error"}, files...)...).CombinedOutput(); err != nil || len(files) != 2 {
		t.Errorf("lintian %v: %v\n%s", files, err, out)
	}
}
