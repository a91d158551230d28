package hostguard

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMistakesAreSaidAtOnce: all mistakes come together, in the order of the lines, each
// with what is wanted.
func TestMistakesAreSaidAtOnce(t *testing.T) {
	text := "# a comment\nMAX_MEMORY=1\n\nNONE=1\nPORTS 1\nMAX_PIDS=5\nMAX_PIDS=6\nSUBNET=10.0.0.0/24\nNETWORK=mine\n"
	_, problems := parseConfig(text)
	got := errors.Join(problems...).Error()
	for i, want := range []string{"line 2: MAX_MEMORY=1: want a size", "line 4: NONE: there is no such setting", "line 5: PORTS 1: want NAME=value",
		"line 7: MAX_PIDS: it is set already, in line 6", "line 8: SUBNET=10.0.0.0/24: goes with NETWORK=wrp"} {
		if i >= len(problems) || !strings.HasPrefix(problems[i].Error(), want) {
			t.Errorf("mistakes are\n%s\nwant as number %d: %s", got, i+1, want)
		}
	}
}

func TestValues(t *testing.T) {
	for _, tt := range []struct{ line, want string }{ // of what is described; empty: a mistake
		{"IMAGES=a.example:5000/x/y:1, tenox7/wrp", "a.example:5000/x/y:1, tenox7/wrp;"},
		{"IMAGES=tenox7/wrp@sha256:" + strings.Repeat("0a", 32), "tenox7/wrp@sha256:"},
		{"IMAGES=", ""}, {"IMAGES=A", ""}, {"IMAGES=a:b:c", ""}, {"IMAGES=a/../b", ""}, {"IMAGES=a//b", ""}, {"IMAGES=a%2fb", ""},
		{"IMAGES=0123abcd", ""}, {"IMAGES=sha256:" + strings.Repeat("a", 64), ""}, {"IMAGES=a:1@sha256:" + strings.Repeat("0a", 32), ""},
		{"PORTS=9090", "9090 to 9090"}, {"PORTS=9090-9099", "up to 42, running or not"}, {"PORTS=9090-9100", "9090 to 9100"},
		{"PORTS=9100-9090", ""}, {"PORTS=80-90", ""}, {"PORTS=9090-70000", ""}, {"PORTS=x", ""}, {"PORTS=9090-", ""},
		{"PUBLISH=*", "127.0.0.1, all addresses of this host"}, {"PUBLISH=192.0.2.1", "127.0.0.1, 192.0.2.1"}, {"PUBLISH=127.0.0.1, 192.0.2.1", "127.0.0.1, 192.0.2.1"},
		{"PUBLISH=0.0.0.0", ""}, {"PUBLISH=::", ""}, {"PUBLISH=localhost", ""}, {"PUBLISH=127.1", ""}, {"PUBLISH=", ""},
		{"MAX_MEMORY=1.5G", "1536 MiB"}, {"MAX_MEMORY=6m", "6 MiB"}, {"MAX_MEMORY=5m", ""}, {"MAX_MEMORY=-1g", ""}, {"MAX_MEMORY=1e9g", ""},
		{"MAX_CPUS=0.5", "0.5 cores"}, {"MAX_CPUS=", "no limit"}, {"MAX_CPUS=0", ""}, {"MAX_CPUS=NaN", ""}, {"MAX_CPUS=-1", ""},
		{"MAX_PIDS=512", "up to 512"}, {"MAX_PIDS=0", ""}, {"MAX_PIDS=", ""},
		{"CERTIFICATE=/a~/b", "/a and /b"}, {"CERTIFICATE=/a", ""}, {"CERTIFICATE=a~b", ""}, {"CERTIFICATE=/a/../b~/c", ""}, {"CERTIFICATE=/~/b", ""},
		{"NETWORK=my.net", "my.net, made by you"}, {"NETWORK=", ""}, {"NETWORK=../x", ""},
		{"SUBNET=10.99.0.0/24", "with 10.99.0.0/24"}, {"SUBNET=10.99.0.1/24", ""}, {"SUBNET=fd00::/64", ""}, {"SUBNET=10.0.0.0/30", ""},
		{"DATABASE_ID=" + testDatabase, testDatabase}, {"DATABASE_ID=first-come", "first container made"}, {"DATABASE_ID=doctor", ""}, {"DATABASE_ID=", ""},
		{"STATE_DIR=x", ""}, {"DOCKER_SOCKET=/a/..", ""}, {"DOCKER_SOCKET = /run/d.sock ", "/run/d.sock"},
	} {
		cfg, problems := parseConfig(tt.line)
		switch {
		case tt.want == "" && (len(problems) != 1 || !strings.HasPrefix(problems[0].Error(), "line 1: ")):
			t.Errorf("%s: %v, want one mistake", tt.line, problems)
		case tt.want != "" && (len(problems) > 0 || !strings.Contains(cfg.Describe(), tt.want)):
			t.Errorf("%s: %v, want %q in\n%s", tt.line, problems, tt.want, cfg.Describe())
		}
	}
}

// TestSettingsAreRoots: whoever can change the settings needs no guard to get by.
func TestSettingsAreRoots(t *testing.T) {
	file := filepath.Join(t.TempDir(), "conf")
	if _, err := LoadConfig(file); err == nil || !strings.Contains(err.Error(), "touch "+file) {
		t.Errorf("a missing file is told as %v", err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadConfig(file); err != nil {
		t.Errorf("an empty file is no mistake: %v", err)
	}
	if err := os.Chmod(file, 0o620); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadConfig(file); err == nil || !strings.Contains(err.Error(), "chmod go-w") {
		t.Errorf("a file that a group may write to is told as %v", err)
	}
	if os.Geteuid() == 0 {
		if err := errors.Join(os.Chmod(file, 0o600), os.Chown(file, 65534, 65534)); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadConfig(file); err == nil || !strings.Contains(err.Error(), "chown root") {
			t.Errorf("somebody else's file is told as %v", err)
		}
	}
}

func TestImagesAreNamedInOneWay(t *testing.T) {
	for name, want := range map[string][2]string{
		"wrp":                      {"docker.io/library/wrp", "latest"},
		"tenox7/wrp":               {"docker.io/tenox7/wrp", "latest"},
		"docker.io/tenox7/wrp:4.9": {"docker.io/tenox7/wrp", "4.9"},
		"localhost/x":              {"localhost/x", "latest"},
		"host:5000/x:y":            {"host:5000/x", "y"},
	} {
		image, ok := parseImage(name)
		if !ok || image.Name != name || [2]string{image.repo, image.tag} != want {
			t.Errorf("%s is %+v, %t, want %v", name, image, ok, want)
		}
	}
}
