package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"syscall"

	"github.com/prometheus/procfs"
)

// listening is the state of a socket in the kernel's tables.
const listening = 10

// explainListen says who has an address that cannot be had, as far as that can be seen, and
// what to do.
func explainListen(variable, address string, err error) error {
	err = fmt.Errorf("listen on %s=%s: %w", variable, address, err)
	_, port, splitErr := net.SplitHostPort(address)
	if !errors.Is(err, syscall.EADDRINUSE) || splitErr != nil {
		return err
	}
	who := fmt.Sprintf("a process that this user cannot see (as root: ss -tlnp 'sport = :%s')", port)
	if number, _ := strconv.Atoi(port); number > 0 {
		if name, pid, found := listenerOn(uint64(number)); found {
			who = fmt.Sprintf("%s (process %d)", name, pid)
			if pid == os.Getpid() {
				who = "another setting of this distributor"
			}
		}
	}
	return fmt.Errorf("%w, by %s: stop that, or give %s another address", err, who, variable)
}

// listenerOn returns the process that listens on a port.
func listenerOn(port uint64) (name string, pid int, found bool) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return "", 0, false
	}
	var sockets []string
	//lint:ignore SA1019 netlink would be one more library, for one message
	tcp, _ := fs.NetTCP() // what cannot be read has none
	//lint:ignore SA1019 the same
	tcp6, _ := fs.NetTCP6()
	for _, s := range slices.Concat(tcp, tcp6) {
		if s.St == listening && s.LocalPort == port {
			sockets = append(sockets, fmt.Sprintf("socket:[%d]", s.Inode))
		}
	}
	all, _ := fs.AllProcs()
	for _, p := range all {
		open, _ := p.FileDescriptorTargets()
		if slices.ContainsFunc(open, func(target string) bool { return slices.Contains(sockets, target) }) {
			name, _ = p.Comm()
			return name, p.PID, true
		}
	}
	return "", 0, false
}
