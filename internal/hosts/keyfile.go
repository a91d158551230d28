package hosts

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// ReadFile returns the text of a file that is read again and again while others wait, such
// as known_hosts. What is no file is named and not read: a pipe would keep everybody
// waiting, a device may never end.
func ReadFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // lest a pipe waits for a writer
	if err != nil {
		return nil, explainKeyFile(path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if isNull(info) {
		return nil, nil
	}
	if err := checkKind(path, info.Mode()); err != nil {
		return nil, err
	}
	return io.ReadAll(f)
}

// isNull reports whether a file is the usual one for having no keys.
func isNull(info fs.FileInfo) bool {
	null, err := os.Stat(os.DevNull)
	return err == nil && os.SameFile(info, null)
}

// explainKeyFile says what can be done about a file that cannot be opened. One that is
// missing is fine, but not behind a link: somebody has meant one to be there.
func explainKeyFile(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; the user that this runs as has to be able to read it", err)
	case errors.Is(err, syscall.ENXIO):
		return kindError(path, "a socket, or a device that is not there")
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if target, linkErr := os.Readlink(path); linkErr == nil {
		return fmt.Errorf("%s is a link to %s, which is not there; put a file there, or remove the link", path, target)
	}
	return err
}

// checkKind returns an error if what is at path is no file.
func checkKind(path string, mode fs.FileMode) error {
	switch {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		return kindError(path, "a folder")
	case mode&fs.ModeNamedPipe != 0:
		return kindError(path, "a named pipe")
	case mode&fs.ModeSocket != 0:
		return kindError(path, "a socket")
	case mode&fs.ModeDevice != 0:
		return kindError(path, "a device")
	case mode&fs.ModeSymlink != 0:
		return kindError(path, "a link, which is not followed here")
	}
	return kindError(path, mode.Type().String())
}

func kindError(path, kind string) error {
	return fmt.Errorf("%s is %s, want a file; remove it, or put a file in its place", path, kind)
}

// checkAppendable returns an error if what is at path is nothing to add keys to.
func checkAppendable(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it is made
	}
	if err != nil {
		return err
	}
	return checkKind(path, info.Mode())
}
