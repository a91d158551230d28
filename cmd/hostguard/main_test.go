package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
)

func call(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	err = run(context.Background(), args, process{strings.NewReader(""), &stdout, &stderr})
	return stdout.String(), err
}

// TestCommandLine: what is wrong is said with where the help is, and nothing is begun.
func TestCommandLine(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "conf")
	if err := os.WriteFile(conf, []byte("PORTS=1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ args, want string }{
		{"--nothing", "see hostguard --help"},
		{"serve", `unknown argument "serve"`},
		{"--stdio --listen /x", "do not go together"},
		{"--config /none --check", "touch /none"},
		{"--check --config " + conf, "line 1: PORTS=1: want START_PORT"},
	} {
		_, err := call(t, strings.Fields(tt.args)...)
		if !errors.As(err, new(usageError)) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.args, err, tt.want)
		}
	}
	if err := os.WriteFile(conf, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := call(t, "--config", conf); !errors.As(err, new(usageError)) || !strings.Contains(err.Error(), "wrp-hostguard.socket") {
		t.Errorf("without a socket: %v", err)
	}
	if out, err := call(t, "--help"); !errors.Is(err, flag.ErrHelp) || !strings.Contains(out, "Examples:") {
		t.Errorf("--help: %q, %v", out, err)
	}
	if out, err := call(t, "--config", conf, "--check"); err != nil || !strings.Contains(out, "9090 to 9205") {
		t.Errorf("--check: %q, %v", out, err)
	}
	if out, err := call(t, "--version"); err != nil || !strings.HasPrefix(out, "hostguard version ") {
		t.Errorf("--version: %q, %v", out, err)
	}
	if _, err := call(t, "--config", conf, "--listen", conf); err == nil || !strings.Contains(err.Error(), "something else is there") {
		t.Errorf("a file in the socket's place: %v", err)
	}
}

// maxSize of the program, stripped.
const maxSize = 8 << 20

// TestProgramIsSmall: it is copied to every host, and has no library of Docker's.
func TestProgramIsSmall(t *testing.T) {
	guard := hoststest.StartGuard(t)
	info, err := os.Stat(guard.Bin)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", info.Size())
	if info.Size() > maxSize {
		t.Errorf("%d bytes, want %d at most", info.Size(), maxSize)
	}
	socket, err := os.Stat(guard.Socket)
	if err != nil || socket.Mode().Perm() != 0o660 {
		t.Errorf("the socket is %v, %v; want it for owner and group", socket, err)
	}
}

// TestClientThatHasGoneEndsNothing: a forced command whose client takes no answer ends by
// itself, and not by a signal in the middle of what the engine was asked for.
func TestClientThatHasGoneEndsNothing(t *testing.T) {
	guard := hoststest.NewGuard(t)
	cmd := exec.Command(guard.Bin, "--config", guard.Config, "--stdio")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	reads, writes, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = writes
	reads.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	writes.Close()
	if _, err := io.WriteString(in, "GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n"); err != nil {
		t.Error(err)
	}
	err = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitFailed {
		t.Errorf("it ends with %d, %v; want %d", code, err, exitFailed)
	}
}
