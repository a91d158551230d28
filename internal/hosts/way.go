package hosts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	dockerSocket = "/var/run/docker.sock"

	// guardSocket is where hostguard, if the host has it, stands before the engine.
	guardSocket = "/run/wrp-hostguard/docker.sock"
)

// A way leads to a host's engine: the path of a socket, or byCommand.
type way string

const byCommand way = dialStdio

// isSocket reports whether the way needs no SSH session for each connection.
func (w way) isSocket() bool { return w != "" && w != byCommand }

// waysFrom returns all ways in the order in which they are tried: that which a connection
// before this one has found comes first, so that it is found at once. The guard's comes
// before the engine's own: whoever lets us use both wants us to need one only.
func waysFrom(known way) []way {
	all := []way{guardSocket, dockerSocket, byCommand}
	if i := slices.Index(all, known); i > 0 {
		all = slices.Insert(slices.Delete(all, i, i+1), 0, known)
	}
	return all
}

// chooseTransport finds out how this connection reaches the Docker engine: over
// a channel to a socket, or else over the command made for it. A way that leads to
// an engine which does not answer is a way. If there is none, noWay says why: the
// connection is needed for more.
func (c *connection) chooseTransport(ctx context.Context, log *slog.Logger, known way) error {
	c.stdio = newSessions(log)
	failures := make(map[way]error)
	var last error
	for _, w := range waysFrom(known) {
		err := ping(ctx, func(ctx context.Context) (net.Conn, error) { return c.dialBy(ctx, w) })
		if w.isThere(err) {
			c.way = w
			return nil
		}
		failures[w], last = err, err
	}
	if err := ctx.Err(); err != nil || c.raw.ended.Load() {
		return fmt.Errorf("find a way to the Docker engine: %w", cmp.Or(err, last))
	}
	c.noWay = explainNoWay(c.User(), known, failures)
	return nil
}

// isThere reports whether a way that was tried with err leads to an engine. A guard says
// itself what is wrong behind it.
func (w way) isThere(err error) bool {
	_, answered := errors.AsType[answerError](err)
	return err == nil || errors.Is(err, errSilent) || w == guardSocket && answered
}

// An answerError is an answer that is none of an engine that works.
type answerError struct{ status string }

// Error quotes its status.
func (e answerError) Error() string { return "the Docker engine answers " + e.status }

// errSilent means that a connection to the engine was made, and nothing came.
var errSilent = errors.New("the Docker engine does not answer")

// A dialFunc opens a connection to the Docker engine.
type dialFunc func(context.Context) (net.Conn, error)

// ping asks the engine for a sign of life by one way, with half of the time that is left.
// What dials may go on for a moment after it has returned.
func ping(ctx context.Context, dial dialFunc) error {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
	}
	var dialled atomic.Bool
	transport := &http.Transport{MaxResponseHeaderBytes: maxHeader, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		nc, err := dial(ctx)
		dialled.Store(err == nil)
		return nc, err
	}}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, dockerHost+"/_ping", http.NoBody)
	if err != nil {
		return err
	}
	resp, err := transport.RoundTrip(req)
	if errors.Is(err, context.DeadlineExceeded) && dialled.Load() {
		return errSilent
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return answerError{resp.Status}
	}
	return nil
}

func (c *connection) dialDocker(ctx context.Context) (net.Conn, error) {
	if c.noWay != nil {
		return nil, c.noWay
	}
	return c.dialBy(ctx, c.way)
}

func (c *connection) dialBy(ctx context.Context, w way) (net.Conn, error) {
	if w == byCommand {
		return c.dialStdio(ctx)
	}
	nc, err := c.dialSocket(ctx, string(w))
	// sshd says only that it could not.
	if refused, ok := errors.AsType[*ssh.OpenChannelError](err); ok && refused.Reason == ssh.ConnectionFailed {
		return nil, fmt.Errorf("%s cannot be opened there (is %s stopped?): %w", w, w.server(), err)
	}
	return nc, err
}

// server is who serves the way's socket.
func (w way) server() string {
	if w == guardSocket {
		return "wrp-hostguard"
	}
	return "Docker"
}
