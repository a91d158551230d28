package main

import (
	"bytes"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// descriptorLimit names a variable that makes TestFewDescriptorsAreSaid, in a process of
// its own, one that has no more of them.
const descriptorLimit = "DISTRIBUTOR_TEST_DESCRIPTORS"

// TestFewDescriptorsAreSaid: where there are more hosts than a process may have
// connections, and nowhere else.
func TestFewDescriptorsAreSaid(t *testing.T) {
	const limit = 1024
	if os.Getenv(descriptorLimit) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestFewDescriptorsAreSaid$")
		cmd.Env = append(os.Environ(), descriptorLimit+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		t.Fatal(err)
	}
	for hosts, want := range map[int]string{1: "", limit - spareDescriptors: "", limit - spareDescriptors + 1: "limit=1024 want=1025", 1000: "limit=1024 want=1512"} {
		var log bytes.Buffer
		warnOfFewDescriptors(hosts, slog.New(slog.NewTextHandler(&log, nil)))
		if got := log.String(); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%d hosts: %q, want %q", hosts, got, want)
		}
	}
}
