package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"wrpdistributor/internal/hostguard"
)

// memoryLimit is what the garbage collector aims at. A client that means harm gets no
// further than [hostguard.Serve] bounds it; this keeps garbage from coming on top.
const memoryLimit = 20 << 20

// serve lets requests through until ctx is done, or, over standard input, until that ends.
func serve(ctx context.Context, cfg *hostguard.Config, opt *options, p process) error {
	debug.SetMemoryLimit(memoryLimit)
	guard, err := hostguard.New(*cfg, newLogger(opt, p))
	if err != nil {
		return err
	}
	if opt.stdio {
		// A client that has gone, and whom something is still to be written to, would end
		// the process, and a container under way would count no more.
		signal.Ignore(syscall.SIGPIPE)
		return guard.ServeConn(ctx, p.in, p.out)
	}
	ln, err := listen(opt.listen)
	if err != nil {
		return err
	}
	return guard.Serve(ctx, ln)
}

// newLogger writes lines for the journal, or where standard error is the client's, to
// syslog.
func newLogger(opt *options, p process) *slog.Logger {
	out := p.err
	if opt.stdio {
		out = syslogOr(p.err)
	}
	return slog.New(slog.NewTextHandler(out, nil))
}

// listen makes a socket at path, or takes the one that systemd has made.
func listen(path string) (net.Listener, error) {
	if path == "" {
		return activated()
	}
	if err := removeSocket(path); err != nil {
		return nil, err
	}
	// Nobody may connect before the mode is right.
	defer syscall.Umask(syscall.Umask(0o177))
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	return ln, os.Chmod(path, 0o660)
}

// removeSocket removes what a guard before this one has left, and nothing else: no file,
// and no socket that somebody serves.
func removeSocket(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != os.ModeSocket:
		return fmt.Errorf("--listen %s: something else is there; name another path, or remove it", path)
	}
	if nc, err := net.Dial("unix", path); err == nil {
		nc.Close()
		return fmt.Errorf("--listen %s: somebody serves it; stop that one first", path)
	}
	return os.Remove(path)
}
