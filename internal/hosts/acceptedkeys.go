package hosts

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// acceptedMode lets everybody read the keys, which are public: the service and
// cleanup may run as two users.
const acceptedMode = 0o644

// makeFolder makes the folder of a file. If root makes it, it belongs to whom the
// folder above belongs to.
func makeFolder(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	return inheritOwner(dir, os.Lchown)
}

// noFollow keeps a link from having root write where the folder's owner may not.
const noFollow = syscall.O_NOFOLLOW

// appendLine adds a line to a file that is there: the whole line, on stable
// storage, or nothing.
func appendLine(path, line string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|noFollow, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	line += "\n"
	if last := make([]byte, 1); size > 0 {
		if _, err := f.ReadAt(last, size-1); err != nil {
			return err
		}
		if last[0] != '\n' {
			line = "\n" + line // the last one was cut off
		}
	}
	_, err = f.WriteString(line)
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		return errors.Join(err, f.Truncate(size))
	}
	if size > 0 {
		return nil
	}
	chown := func(_ string, uid, gid int) error { return f.Chown(uid, gid) }
	return errors.Join(f.Chmod(acceptedMode), inheritOwner(path, chown), syncFolder(path))
}

// syncFolder makes sure that a new file is found again.
func syncFolder(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// inheritOwner gives what root has made to the owner of the folder that it is in:
// a service that runs as somebody else is to add to it.
func inheritOwner(path string, chown func(path string, uid, gid int) error) error {
	if os.Geteuid() != 0 {
		return nil
	}
	folder, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return err
	}
	owner, ok := folder.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return chown(path, int(owner.Uid), int(owner.Gid))
}
