package hostguard

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// An owner is the database whose containers these are. It is safe for concurrent use, also
// by several guards that share a folder.
type owner struct {
	file string

	mu sync.Mutex
	id string // empty: not known yet
}

// ownerFile is in the folder of the guard's state.
const ownerFile = "database-id"

// newOwner returns the one that is configured, or was learned before.
func newOwner(cfg *Config) (*owner, error) {
	o := &owner{file: filepath.Join(cfg.StateDir, ownerFile), id: cfg.DatabaseID}
	_, err := o.read()
	return o, err
}

// known returns the owner's id; empty: there is none yet.
func (o *owner) known() (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	id, err := o.read()
	if err != nil {
		return "", refusal{err.Error()}
	}
	return id, nil
}

// read is known, under the lock. Another guard may have learned it.
func (o *owner) read() (string, error) {
	if o.id != "" {
		return o.id, nil
	}
	text, err := os.ReadFile(o.file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("whose containers these are: %w", err)
	}
	id := strings.TrimSpace(string(text))
	if !databaseName.MatchString(id) {
		return "", fmt.Errorf("whose containers these are: %s has no database id: remove it, and the next one that comes is written there", o.file)
	}
	o.id = id
	return id, nil
}

// allows returns why containers of a database are not to be touched. As long as nobody has
// come, those of any distributor may: whoever comes first could be theirs.
func (o *owner) allows(database string) error {
	id, err := o.known()
	switch {
	case err != nil:
		return err
	case database == examined, id == "" && databaseName.MatchString(database), id != "" && database == id:
		return nil
	case database == "":
		return refuse("it is no container of a distributor")
	}
	return o.refuse(database, id)
}

func (o *owner) refuse(database, id string) error {
	return refuse("database %.8s: this host is for containers of database %.8s (DATABASE_ID in %s; or, if that is gone for good: rm %s; systemctl restart wrp-hostguard)",
		database, id, ConfigFile, o.file)
}

// claim makes the host that database's if it is nobody's yet.
func (o *owner) claim(database string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	id, err := o.read()
	switch {
	case err != nil:
		return refusal{err.Error()}
	case database == examined || database == id:
		return nil
	case id != "":
		return o.refuse(database, id)
	}
	if err := o.write(database); err != nil {
		return refuse("whose containers these are cannot be remembered: %v (make the folder writable for hostguard, or set DATABASE_ID in %s)", err, ConfigFile)
	}
	if o.id != database {
		return o.refuse(database, o.id)
	}
	return nil
}

// write remembers the id, unless another guard was first. Whoever dies here leaves a file
// that is whole, or none.
func (o *owner) write(database string) error {
	f, err := os.CreateTemp(filepath.Dir(o.file), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(database + "\n")
	err = firstOf(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Link(f.Name(), o.file); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	_, err = o.read()
	return err
}
