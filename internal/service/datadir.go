package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"wrpdistributor/internal/config"
)

const (
	holdTimeout = time.Second // commands that look who lives hold the lock for a moment
	holdPause   = 20 * time.Millisecond
)

// ErrInUse means that a service of another kind runs on the same data folder.
var ErrInUse = errors.New("another service runs there")

// lockFile is held by every service on a data folder: by real ones together, by one that
// pretends alone. It stays behind; what counts is whether anybody holds it.
func lockFile(dataDir string) string { return filepath.Join(dataDir, "service.lock") }

func manifestFile(dataDir string) string { return filepath.Join(dataDir, "pretend.json") }

func pretendKnownHosts(dataDir string) string { return filepath.Join(dataDir, "pretend_known_hosts") }

// HoldDataDir keeps a service that pretends off the data folder until what it returns is
// closed, and removes what such a one left that was killed. It returns [ErrInUse] if one
// lives.
func HoldDataDir(cfg *config.Config) (io.Closer, error) {
	lock, err := hold(cfg.DataDir, (*flock.Flock).TryRLockContext, "one that pretends")
	if err != nil {
		return nil, err
	}
	for _, leftover := range []string{manifestFile(cfg.DataDir), pretendKnownHosts(cfg.DataDir)} {
		if err := os.Remove(leftover); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, errors.Join(err, lock.Close())
		}
	}
	return lock, nil
}

func hold(dataDir string, take func(*flock.Flock, context.Context, time.Duration) (bool, error), other string) (*flock.Flock, error) {
	if err := os.MkdirAll(dataDir, 0o750); err != nil {
		return nil, err
	}
	lock := flock.New(lockFile(dataDir), flock.SetPermissions(0o600))
	ctx, cancel := context.WithTimeout(context.Background(), holdTimeout)
	defer cancel()
	_, err := take(lock, ctx, holdPause)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("DATA_DIR=%s: %w, %s: stop it, or use another folder", dataDir, ErrInUse, other)
	case err != nil:
		return nil, fmt.Errorf("lock DATA_DIR=%s: %w", dataDir, err)
	}
	return lock, nil
}

// isPretendedOn reports whether a living service pretends on a data folder. Whoever may
// not look could not reach its hosts either.
func isPretendedOn(dataDir string) (bool, error) {
	lock := flock.New(lockFile(dataDir), flock.SetFlag(os.O_RDONLY|syscall.O_NONBLOCK)) // makes no file
	free, err := lock.TryRLock()
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look who uses DATA_DIR=%s: %w", dataDir, err)
	}
	return !free, lock.Close()
}
