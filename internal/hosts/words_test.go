package hosts

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestReasonsAreInOurWords: whatever keeps an engine from answering is said as it is. The
// client library has its own words for it, with a name that nobody has given.
func TestReasonsAreInOurWords(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "docker.sock")
	unheard := filepath.Join(t.TempDir(), "docker.sock")
	ln, err := net.Listen("unix", unheard)
	if err != nil {
		t.Fatal(err)
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	ln.Close()
	socket := func(path string) func(context.Context) (net.Conn, error) {
		return func(ctx context.Context) (net.Conn, error) {
			_, err := new(net.Dialer).DialContext(ctx, "unix", path)
			return nil, explainSocket(err)
		}
	}
	fails := func(err error) func(context.Context) (net.Conn, error) {
		return func(context.Context) (net.Conn, error) { return nil, err }
	}
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	forbidden := &net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", syscall.EACCES)}
	for _, tt := range []struct {
		dial func(context.Context) (net.Conn, error)
		want string
		is   error
	}{
		{socket(missing), "there is no " + dockerSocket + " on this machine (is Docker stopped?)", os.ErrNotExist},
		{socket(unheard), "nobody answers at " + dockerSocket + " on this machine (is Docker stopped?)", syscall.ECONNREFUSED},
		{fails(explainSocket(forbidden)), "this user may not open " + dockerSocket + " (is it in the group docker?)", os.ErrPermission},
		{fails(fmt.Errorf("%w: %w", ErrUnreachable, refused)), "host is unreachable: dial tcp: connect: connection refused", ErrUnreachable},
		{fails(os.ErrDeadlineExceeded), "i/o timeout", os.ErrDeadlineExceeded},
		{func(ctx context.Context) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }, "the Docker engine does not answer", context.DeadlineExceeded},
	} {
		e, err := newEngine(tt.dial)
		if err != nil {
			t.Fatal(err)
		}
		patience := time.Minute
		if errors.Is(tt.is, context.DeadlineExceeded) {
			patience = 50 * time.Millisecond
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		err = fmt.Errorf("look: %w", e.ping(ctx))
		cancel()
		if got := InWords(err); got.Error() != "look: "+tt.want || !errors.Is(got, tt.is) {
			t.Errorf("InWords(%v) = %q, want %q that is %v", err, got, "look: "+tt.want, tt.is)
		}
	}
	if got := InWords(fmt.Errorf("connect: %w", context.DeadlineExceeded)); got.Error() != "connect: no answer in time" {
		t.Errorf("InWords of a deadline = %q", got)
	}
	if err := errors.New("as it was"); InWords(err) != err || InWords(nil) != nil {
		t.Error("InWords changes what it has no words for")
	}
}

// TestCauseSaysNothingTwice that stands before it.
func TestCauseSaysNothingTwice(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]string{
		"host is unreachable: dial tcp 192.0.2.1:22: connect: connection refused":                            "dial tcp 192.0.2.1:22: connect: connection refused",
		"host is unreachable since 2026-11-26T17:56:15Z: host is unreachable: no answer in time":             "no answer in time",
		"host is down since 2026-11-26T17:56:15Z: host is unreachable since 2026-11-26T17:56:15Z: no answer": "no answer",
		"the Docker engine does not answer":                                                                  "the Docker engine does not answer",
		"log in: host is down":                                                                               "log in: host is down",
	} {
		if got := Cause(reason); got != want {
			t.Errorf("Cause(%q) = %q, want %q", reason, got, want)
		}
	}
}
