package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestWhoHasTheAddress: an address in use is said with its setting, and who has it.
func TestWhoHasTheAddress(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	want := func(who string) {
		t.Helper()
		_, err := listen("GATEWAY_LISTEN", address, 0)
		text := fmt.Sprint(err)
		if !strings.HasPrefix(text, "listen on GATEWAY_LISTEN="+address+": ") ||
			!strings.HasSuffix(text, "address already in use, by "+who+": stop that, or give GATEWAY_LISTEN another address") {
			t.Errorf("listen = %q, want that %s has it", text, who)
		}
	}
	want("another setting of this distributor")

	file, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	heir := exec.Command("sleep", "600")
	heir.ExtraFiles = []*os.File{file}
	if err := heir.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = heir.Process.Kill(); _ = heir.Wait() }()
	file.Close()
	ln.Close()
	want(fmt.Sprintf("sleep (process %d)", heir.Process.Pid))
}
