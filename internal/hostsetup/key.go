package hostsetup

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/crypto/ssh"
)

// MakeKey makes a key for one host, with its public half beside it, unless there is one. If
// root makes it, it belongs to whom the folder belongs to: that is who has to read it.
func MakeKey(file, comment string) (made bool, err error) {
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return false, fmt.Errorf("make a key: %w", err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return false, err
	}
	block, err := ssh.MarshalPrivateKey(private, comment)
	if err != nil {
		return false, err
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return false, err
	}
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))) + " " + comment + "\n"
	err = writeNew(file, pem.EncodeToMemory(block), 0o600)
	if errors.Is(err, fs.ErrExist) {
		return false, nil // somebody else was first
	}
	if err == nil {
		err = writeNew(file+".pub", []byte(line), 0o644)
	}
	if err != nil {
		_ = os.Remove(file) // half of a pair; it may not be there
		return false, fmt.Errorf("make a key: %w", err)
	}
	return true, nil
}

// writeNew writes a file that was not there: others, and who comes after one that died here,
// see all of it or none.
func writeNew(path string, text []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(mode), giveTo(f, filepath.Dir(path)), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Link(f.Name(), path)
}

// giveTo gives what root has made to the owner of a folder.
func giveTo(f *os.File, folder string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(folder)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return f.Chown(int(owner.Uid), int(owner.Gid))
}
