package hostguard

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// lockPause is between two looks whether other guards have ended what they do.
const lockPause = 10 * time.Millisecond

// lock has guards of one host take turns at making containers, for they know nothing of each
// other: each connection over standard input has one. Requests of one guard need no turns.
// Guards whose user may not open the folder take none either.
func (g *Guard) lock(ctx context.Context) (unlock func(), err error) {
	folder, err := os.Open(g.cfg.StateDir)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission):
		return func() {}, nil
	case err != nil:
		return nil, refuse("wait for other guards: %v", err)
	}
	how := syscall.LOCK_SH
	if g.alone {
		how = syscall.LOCK_EX
	}
	if err := await(ctx, folder, how); err != nil {
		folder.Close()
		return nil, err
	}
	return func() { folder.Close() }, nil // which unlocks it
}

// await locks a file. A client that has gone waits no longer.
func await(ctx context.Context, file *os.File, how int) error {
	for {
		err := syscall.Flock(int(file.Fd()), how|syscall.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			return refuse("wait for other guards: lock %s: %v", file.Name(), err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockPause):
		}
	}
}
