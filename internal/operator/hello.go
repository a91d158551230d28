package operator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// helloTimeout is how long a process may take to answer anything at all: whoever takes
	// longer hangs, or was stopped, and would keep those who ask waiting for their answers.
	helloTimeout    = 2 * time.Second
	helloTimeoutTCP = 1500 * time.Millisecond

	helloPath = "/v1/admin/hello" // which nobody has: that is an answer too
)

// A HangError is a process that takes connections at its control socket, and says nothing.
type HangError struct {
	ID     string // the beginning of the process's
	Socket string
	Number int // of the process; 0: not known, such as that of another container
}

// Error implements error.
func (e *HangError) Error() string {
	text := fmt.Sprintf("a process does not answer at its control socket %s: it hangs, or was stopped", e.Socket)
	if e.Number == 0 {
		return text
	}
	return fmt.Sprintf("%s; kill -CONT %d has it go on, kill -KILL %d ends it", strings.Replace(text, "a process", fmt.Sprintf("process %d", e.Number), 1), e.Number, e.Number)
}

// A greeting is the first thing that a process at a control socket is asked.
type greeting struct {
	path string
	said chan error // nil: it answers
}

// greet asks all processes at control sockets in folder for a sign of life, at once, so
// that several that hang cost no more than one.
func greet(ctx context.Context, folder string) []greeting {
	sockets, _ := filepath.Glob(filepath.Join(escape(folder), "control-*.sock"))
	list := make([]greeting, len(sockets))
	for i, path := range sockets {
		list[i] = greeting{path, make(chan error, 1)}
		go func() { list[i].said <- hello(ctx, path, helloTimeout) }() // ends within that time
	}
	return list
}

// hello returns a [HangError], or [ErrNobody] if nobody is there.
func hello(ctx context.Context, path string, within time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(limited, "unix", path)
	if errors.Is(err, unix.EAGAIN) { // as many as may wait do
		return &HangError{ID: processOf(path), Socket: path}
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNobody, err)
	}
	number := peer(conn)
	to := &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }}
	err = exchange(limited, to, "http://control", "")
	switch {
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case err != nil && limited.Err() != nil:
		return &HangError{processOf(path), path, number}
	case err != nil:
		return fmt.Errorf("%w: %w", ErrNobody, err)
	}
	return nil
}

// exchange asks for a sign of life, whatever that is.
func exchange(ctx context.Context, to http.RoundTripper, base, token string) error {
	req, err := Call{Path: helloPath}.request(ctx, base, token)
	if err != nil {
		return err
	}
	resp, err := to.RoundTrip(req)
	if err == nil {
		resp.Body.Close()
	}
	return err
}

// processOf is the beginning of the id of the process that has a socket.
func processOf(path string) string {
	return strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "control-"), ".sock")
}

// peer is the number of the process that listens.
func peer(conn net.Conn) (number int) {
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) {
			if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
				number = int(cred.Pid)
			}
		})
	}
	if err != nil {
		return 0 // its connection has ended
	}
	return number
}
