package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
)

// firstPassed is the first descriptor that systemd passes.
const firstPassed = 3

// activated returns the socket that systemd has made for this process.
func activated() (net.Listener, error) {
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) || os.Getenv("LISTEN_FDS") != "1" {
		return nil, usageError{errors.New("no socket: systemd passes one (systemctl enable --now wrp-hostguard.socket); by hand, --listen PATH makes one")}
	}
	f := os.NewFile(firstPassed, "systemd's socket")
	defer f.Close()
	ln, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("take systemd's socket: %w", err)
	}
	return ln, nil
}
