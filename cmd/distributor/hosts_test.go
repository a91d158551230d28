package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"wrpdistributor/internal/hostsetup"
	"wrpdistributor/internal/operator"
)

func TestHostsListSaysWhetherTLSIsServed(t *testing.T) {
	for _, tt := range []struct {
		host operator.Host
		want string
	}{
		{operator.Host{NoTLS: "no certificate"}, "no"},
		{operator.Host{TLS: true}, "yes"},
		{operator.Host{NoTLS: "certificate files missing"}, "certificate files missing"},
	} {
		if got := servesTLS(tt.host); got != tt.want {
			t.Errorf("%+v is shown as %q, want %q", tt.host, got, tt.want)
		}
	}
}

// TestCommandsNameMisspeltSettings once each, though the service is not asked.
func TestCommandsNameMisspeltSettings(t *testing.T) {
	s, h := newPretendStack(t)
	s.set("WARM_CONTAINERZ", "2")
	for _, line := range []string{"migrate", "hosts list", "hosts drain " + h.SSHAddr(), "hosts undrain " + h.SSHAddr()} {
		out := s.run(0, "distributor", strings.Fields(line)...)
		if n := strings.Count(out, "did you mean WARM_CONTAINERS?"); n != 1 {
			t.Errorf("%s names the misspelt setting %d times, want once:\n%s", line, n, out)
		}
	}
}

// TestAddingSaysThatALineSaysOtherwise: options make no other host of one that stands in the
// file already.
func TestAddingSaysThatALineSaysOtherwise(t *testing.T) {
	s, h := newPretendStack(t)
	dir := t.TempDir()
	file, key := filepath.Join(dir, "hosts"), filepath.Join(dir, "key")
	_, err := hostsetup.MakeKey(key, "")
	if err == nil {
		err = os.WriteFile(file, []byte(h.SSHAddr()+" user=wrp max=4 key="+key+"\n"), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.set("CONTAINER_HOSTS", "")
	s.set("CONTAINER_HOSTS_KEYS", "")
	s.set("HOSTS_FILE", file)
	for option, want := range map[string]string{"--max=6": "max=4", "--max=zero": "max=4", "--max=auto": "max=4", "--user=other": "user=wrp"} {
		out := s.run(2, "distributor", "hosts", "add", "root@"+h.SSHAddr(), option)
		if !strings.Contains(out, option) || !strings.Contains(out, want) || !strings.Contains(out, file) {
			t.Errorf("hosts add %s of a host with max=4 and user=wrp says\n%s", option, out)
		}
	}
}

// TestAddingComparesTheFingerprintOfAKnownHost, too.
func TestAddingComparesTheFingerprintOfAKnownHost(t *testing.T) {
	s, h := newPretendStack(t)
	out := s.run(1, "distributor", "hosts", "add", "--prepared", "root@"+h.SSHAddr(), "--fingerprint=SHA256:other")
	if !strings.Contains(out, "--fingerprint is another") {
		t.Errorf("hosts add with another fingerprint than known_hosts has says\n%s", out)
	}
}

// TestAddingByHandKeepsOptions: what is typed in place of the command makes the same host.
func TestAddingByHandKeepsOptions(t *testing.T) {
	a := &addition{cmd: &cobra.Command{}}
	a.flags.define(a.cmd)
	err := a.cmd.ParseFlags([]string{"--max", "3", "--no-table", "--ssh", "ssh -J gate", "--key", "a b"})
	if err != nil {
		t.Fatal(err)
	}
	if a.target, err = hostsetup.ParseTarget("asked@c1.example"); err != nil {
		t.Fatal(err)
	}
	got := a.byHand()
	for _, part := range []string{
		"hosts add --print --key='a b' --max='3' --no-table c1.example | ssh -J gate asked@c1.example ",
		"&& ssh -J gate -t asked@c1.example sudo", "hosts add --prepared --key='a b' --max='3' --no-table c1.example",
	} {
		if !strings.Contains(got, part) {
			t.Errorf("%s: want %q", got, part)
		}
	}
}
