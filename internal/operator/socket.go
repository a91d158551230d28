package operator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"wrpdistributor/internal/journal"
)

const (
	// MaxFolder is how long the path of a socket's folder may be: the whole path has
	// less than 108 bytes.
	MaxFolder = 107 - len("/.control-1234567890/s")

	// Who asks is a command on this machine, which has all to say at hand. Others, such as one
	// that was stopped meanwhile, would keep a descriptor of ours each.
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second // of a whole request
	idleTimeout   = time.Minute
	stallTimeout  = time.Minute // in which nothing is taken of an answer
)

// A Socket is the control socket of one process, control-ID.sock. It stands beside a
// lock, which the process holds for as long as it lives.
type Socket struct {
	net.Listener
	path string
	lock *flock.Flock
}

// Listen makes the socket of a process in folder, which is made if need be, and removes
// those of processes that died.
func Listen(folder, process string) (*Socket, error) {
	if len(folder) > MaxFolder {
		return nil, fmt.Errorf("control socket: the path of its folder %s is longer than %d bytes, see RUNTIME_DIR", folder, MaxFolder)
	}
	s, err := listen(folder, process)
	if err != nil {
		return nil, fmt.Errorf("control socket in %s: %w", folder, err)
	}
	return s, nil
}

// listen makes lock and socket where nobody else looks, and moves them into place: so
// nobody ever finds a lock that is free, or a socket that others may open.
func listen(folder, process string) (_ *Socket, err error) {
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return nil, err
	}
	sweep(folder)
	private, err := os.MkdirTemp(folder, ".control-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(private)
	s := &Socket{path: pair(folder, process)}
	s.lock = flock.New(filepath.Join(private, "lock"), flock.SetPermissions(0o600))
	if _, err := s.lock.TryLock(); err != nil {
		return nil, err
	}
	made := filepath.Join(private, "s")
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: made, Net: "unix"})
	if err != nil {
		return nil, errors.Join(err, s.lock.Close())
	}
	ln.SetUnlinkOnClose(false) // it is not there any more
	s.Listener = ln
	err = os.Chmod(made, 0o600)
	if err == nil {
		err = os.Rename(s.lock.Path(), s.path+".lock")
	}
	if err == nil {
		err = os.Rename(made, s.path+".sock")
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// pair is the path of a process's socket and of its lock, without what they end in.
func pair(folder, process string) string {
	return filepath.Join(folder, fmt.Sprintf("control-%.8s", process))
}

// Lives reports whether a process has its socket in folder, and so lives.
func Lives(folder, process string) bool {
	lock := flock.New(pair(folder, process)+".lock", flock.SetFlag(os.O_RDONLY|syscall.O_NONBLOCK))
	free, err := lock.TryRLock()
	_ = lock.Close() // it was only to be seen
	return err == nil && !free
}

// sweep removes the sockets of processes that died. What cannot be removed harms nobody.
func sweep(folder string) {
	locks, _ := filepath.Glob(filepath.Join(escape(folder), "control-*.lock"))
	for _, path := range locks {
		lock := flock.New(path, flock.SetFlag(os.O_RDONLY|syscall.O_NONBLOCK))
		if free, err := lock.TryLock(); !free || err != nil {
			continue
		}
		removePair(strings.TrimSuffix(path, ".lock"))
		_ = lock.Close()
	}
}

// removePair removes a socket before its lock, so that none is ever without.
func removePair(path string) {
	_ = os.Remove(path + ".sock")
	_ = os.Remove(path + ".lock")
}

// Close removes the socket.
func (s *Socket) Close() error {
	err := s.Listener.Close()
	removePair(s.path)
	return errors.Join(err, s.lock.Close())
}

// Run answers with h until ctx is done, and removes the socket. Each request has an id,
// as it has over HTTP.
func (s *Socket) Run(ctx context.Context, h http.Handler) error {
	srv := newServer(h, stallTimeout)
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	err := srv.Serve(s.Listener)
	removePair(s.path)
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, s.lock.Close())
}

// newServer lets an answer take as long as it takes to be found, and as long as somebody
// takes any of it within stall.
func newServer(h http.Handler, stall time.Duration) *http.Server {
	return &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			identified(h).ServeHTTP(&stallWriter{w, http.NewResponseController(w), stall}, r)
		}),
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, IdleTimeout: idleTimeout,
	}
}

// A stallWriter gives each write the same time.
type stallWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
}

// Write implements [http.ResponseWriter].
func (w *stallWriter) Write(b []byte) (int, error) {
	const most = 64 << 10 // what may take that time
	for written := 0; ; {
		if err := w.control.SetWriteDeadline(time.Now().Add(w.stall)); err != nil {
			return written, err
		}
		n, err := w.ResponseWriter.Write(b[written:min(len(b), written+most)])
		if written += n; err != nil || written == len(b) {
			return written, err
		}
	}
}

func identified(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := journal.NewRequest()
		w.Header().Set(requestHeader, id)
		h.ServeHTTP(w, r.WithContext(journal.WithRequest(r.Context(), id)))
	})
}

// escape makes a path one that matches only itself.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
