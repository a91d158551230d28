package hosts

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/porttest"
)

// TestRealContainerIsLockedIn: what runs in it has no rights on the host, writes nothing
// but its /tmp, and has the limits that are configured.
func TestRealContainerIsLockedIn(t *testing.T) {
	p, id := realPool(t)
	s := Spec{Ref: Ref{Host: "local", Name: "wrp_" + id[:8] + "_7", Session: 7, Nonce: "n"}, Port: porttest.Free(t), Token: "secret"}
	var err error
	if s.ID, err = p.Create(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.Start(t.Context(), s.Ref), p.Ready(t.Context(), s)); err != nil {
		t.Fatal(err)
	}
	inspect := func(what string) string { return hoststest.Docker(t, "inspect", "-f", "{{"+what+"}}", s.ID) }
	proc := "/proc/" + inspect(".State.Pid")
	read := func(file string) string {
		text, err := os.ReadFile(proc + "/" + file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, want := range []string{
		`(?m)^CapEff:\s0{16}$`, `(?m)^CapPrm:\s0{16}$`, `(?m)^CapBnd:\s0{16}$`, `(?m)^NoNewPrivs:\s1$`, `(?m)^Seccomp:\s2$`,
	} {
		if status := read("status"); !regexp.MustCompile(want).MatchString(status) {
			t.Errorf("the process's status is\n%swant %s", status, want)
		}
	}
	for line := range strings.Lines(read("mounts")) {
		f := strings.Fields(line)
		if f[1] == "/" && !strings.HasPrefix(f[3], "ro,") {
			t.Errorf("its root is mounted %s, want read-only", f[3])
		}
		if strings.Contains(f[1], "docker.sock") {
			t.Errorf("it has %s", f[1])
		}
	}
	for what, want := range map[string]string{
		".HostConfig.Memory": "67108864", ".HostConfig.PidsLimit": "64", ".HostConfig.Privileged": "false",
		".HostConfig.PidMode": "", ".HostConfig.Binds": "[]", ".HostConfig.Devices": "[]",
	} {
		if got := inspect(what); got != want {
			t.Errorf("%s = %q, want %q", what, got, want)
		}
	}
}
