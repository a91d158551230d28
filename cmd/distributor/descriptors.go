package main

import (
	"log/slog"
	"syscall"
)

// spareDescriptors are for clients, the database and listeners: each connection takes one.
const spareDescriptors = 512

// warnOfFewDescriptors says that this process may not have as many connections as it
// needs, one for each host among them. The runtime has raised the limit as far as it
// may; what is beyond looks like a host that is down, or a client that nobody answers.
func warnOfFewDescriptors(hosts int, log *slog.Logger) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return // it shows when there are none left
	}
	if want := hosts + spareDescriptors; limit.Cur < uint64(want) {
		log.Warn("few file descriptors; hosts or clients will find none left (ulimit -Hn, or LimitNOFILE of systemd)", "limit", limit.Cur, "want", want)
	}
}
