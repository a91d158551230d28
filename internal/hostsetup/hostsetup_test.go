package hostsetup

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/ssh"

	"wrpdistributor/docker/host"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/packaging"
)

func TestTargets(t *testing.T) {
	for _, tt := range []struct{ text, name, arguments string }{
		{"root@a.example", "a.example", "-l root -- a.example"},
		{"a.example", "a.example", "-- a.example"},
		{"me@there@a.example:22", "a.example", "-p 22 -l me@there -- a.example"},
		{"root@a.example:2222", "a.example:2222", "-p 2222 -l root -- a.example"},
		{"root@[2001:db8::7]:2222", "[2001:db8::7]:2222", "-p 2222 -l root -- 2001:db8::7"},
		{"root@2001:db8::7", "2001:db8::7", "-l root -- 2001:db8::7"},
	} {
		got, err := ParseTarget(tt.text)
		if args := strings.Join(got.arguments(), " "); err != nil || got.Name() != tt.name || args != tt.arguments {
			t.Errorf("%s is %q with ssh %s (%v), want %q with ssh %s", tt.text, got.Name(), args, err, tt.name, tt.arguments)
		}
	}
	for _, text := range []string{"", "@a", "root@", "-oProxyCommand=x", "root@-x", "a:", "a b", "a:1:2", "a;reboot", "a'b"} {
		if got, err := ParseTarget(text); err == nil {
			t.Errorf("%q is %+v, want an error", text, got)
		}
	}
}

// anyScript has what is awkward in a shell, and a program that every system has.
func anyScript(t *testing.T) Script {
	t.Helper()
	program, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	guard, err := OpenGuard(program)
	if err != nil {
		t.Fatal(err)
	}
	return Script{Host: "a", User: "it's $HOME", PublicKey: "ssh-ed25519 AAAA", Image: `"x" \ y`, Settings: "IMAGES=a\n# it's `$x`\n", Guard: guard}
}

// runScript runs a script with another last line.
func runScript(t *testing.T, s Script, last string) string {
	t.Helper()
	out, err := shell(t, scriptWith(t, s, last))
	if err != nil {
		t.Fatalf("%s: %v", last, err)
	}
	return out
}

// scriptWith is a script with another last line.
func scriptWith(t *testing.T, s Script, last string) string {
	t.Helper()
	var text bytes.Buffer
	if err := s.Write(&text); err != nil {
		t.Fatal(err)
	}
	whole, found := strings.CutSuffix(text.String(), "\nmain </dev/null\n")
	if !found {
		t.Fatal("the last line does not call main")
	}
	return whole + "\n" + last + "\n"
}

func shell(t *testing.T, script string) (string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("sh", file).Output()
	return string(out), err
}

// TestFilesArriveAsTheyAre, whatever stands in them, the program too.
func TestFilesArriveAsTheyAre(t *testing.T) {
	s := anyScript(t)
	program, err := os.ReadFile(s.Guard.File)
	if err != nil {
		t.Fatal(err)
	}
	for function, want := range map[string]string{
		"guard_settings": s.Settings, "guard_user": packaging.GuardUser, "guard_unit_socket": packaging.GuardSocket,
		"guard_unit_service": packaging.GuardService, "egress_rules": host.Rules, "egress_script": host.Script, "guard_program": string(program),
	} {
		if got := runScript(t, s, function); got != want {
			t.Errorf("%s prints %d bytes, want %d, as they are", function, len(got), len(want))
		}
	}
	if got := runScript(t, s, `echo "$user $image"`); got != s.User+" "+s.Image+"\n" {
		t.Errorf("user and image are %q", got)
	}
}

// TestUnitIsThatOfThePackage: scripts/deb.sh makes it of the same file.
func TestUnitIsThatOfThePackage(t *testing.T) {
	cmd := exec.Command("sed", "-e", `1,/^\[Unit\]/ { /^#/d }`, "-e", "s,/etc/wrp-egress.sh,/usr/lib/wrp-hostguard/wrp-egress.sh,", "../../docker/host/wrp-egress.service")
	want, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if deb, err := os.ReadFile("../../scripts/deb.sh"); err != nil || !strings.Contains(string(deb), "'"+cmd.Args[2]+"'") {
		t.Fatalf("scripts/deb.sh makes the unit otherwise than this test: %v", err)
	}
	if got := egressUnit(); got != string(want) {
		t.Errorf("the unit is\n%s\nwant that of the package:\n%s", got, want)
	}
}

// TestPartsOfAScriptDoNothing: whatever a broken connection has let through.
func TestPartsOfAScriptDoNothing(t *testing.T) {
	var text bytes.Buffer
	s := anyScript(t)
	if err := s.Write(&text); err != nil {
		t.Fatal(err)
	}
	whole := strings.TrimSuffix(text.String(), "main </dev/null\n")
	if out, err := shell(t, whole+"echo all of it\n"); err != nil || out != "all of it\n" {
		t.Fatalf("all but the last line says %q, %v", out, err)
	}
	for part := range 40 {
		if out, _ := shell(t, whole[:len(whole)*part/40]); out != "" {
			t.Errorf("%d of 40 parts of it say %q", part, out)
		}
	}
}

// TestGuardsAreFoundByMachine, of whatever name.
func TestGuardsAreFoundByMachine(t *testing.T) {
	dir := t.TempDir()
	ours := anyScript(t).Guard
	program, err := os.ReadFile(ours.File)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, machine byte) {
		t.Helper()
		program[18] = machine
		if err := os.WriteFile(filepath.Join(dir, name), program, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("hostguard", 183)
	write("wrp-hostguard", 62)
	write("wrp-hostguard-armhf", 40)
	for arch, want := range map[string]string{"arm64": "hostguard", "amd64": "wrp-hostguard", "armhf": "wrp-hostguard-armhf", "": "hostguard"} {
		got, err := FindGuard(filepath.Join(dir, "distributor"), arch)
		if err != nil || filepath.Base(got.File) != want {
			t.Errorf("for %q: %+v, %v; want %s", arch, got, err, want)
		}
	}
	if _, err := FindGuard(filepath.Join(dir, "distributor"), "riscv64"); err == nil || !strings.Contains(err.Error(), "go build") {
		t.Errorf("for a machine without one: %v, want how to come by it", err)
	}
}

// TestKeysAreMadeOnce, and open with what LoadKey makes of them.
func TestKeysAreMadeOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ssh", "a.key")
	for _, want := range []bool{true, false} {
		if made, err := MakeKey(file, "of a"); made != want || err != nil {
			t.Fatalf("made: %v, %v; want %v", made, err, want)
		}
	}
	signer, err := hosts.LoadKey(file, "")
	if err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(file + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey()))) + " of a\n"; string(public) != want {
		t.Errorf("the public half is %q, want %q", public, want)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key has %v, %v; want it to be for one only", info.Mode(), err)
	}
}

// TestKeysAreWholeOrNotThere, while several make the same one.
func TestKeysAreWholeOrNotThere(t *testing.T) {
	for range 20 {
		file := filepath.Join(t.TempDir(), "a.key")
		var makers sync.WaitGroup
		var made atomic.Int32
		for range 8 {
			makers.Go(func() {
				first, err := MakeKey(file, "of a")
				if first {
					made.Add(1)
				}
				if _, unread := hosts.LoadKey(file, ""); err != nil || unread != nil {
					t.Errorf("made: %v, %v; read: %v", first, err, unread)
				}
			})
		}
		makers.Wait()
		if made.Load() != 1 {
			t.Errorf("%d have made it, want one", made.Load())
		}
	}
}
