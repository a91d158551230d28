package database

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	sqlite3 "modernc.org/sqlite/lib"
)

// ErrLocked means that a write to a SQLite file waited in vain for its turn.
var ErrLocked = errors.New("another process seems to keep its write lock (a backup, or a shell with an open transaction)")

// errReadOnly stands for a server that drops connections at their first write.
var errReadOnly = errors.New("the server drops connections, or is read-only")

// String names the database for people, without its password.
func (c Config) String() string {
	if c.MySQL == nil {
		return "sqlite " + c.file()
	}
	return fmt.Sprintf("mysql %s@%s(%s)/%s", c.MySQL.User, c.MySQL.Net, c.MySQL.Addr, c.MySQL.DBName)
}

// file is the SQLite file, wherever whoever reads of it is.
func (c Config) file() string {
	if path, err := filepath.Abs(c.Path); err == nil {
		return path
	}
	return c.Path
}

// Reason is err in words where it only says that something took too long.
func (c Config) Reason(err error) error {
	late := errors.Is(err, context.DeadlineExceeded)
	code := sqliteCode(err) & 0xff
	switch {
	case c.MySQL == nil && (late || isConflict(err) || code == sqlite3.SQLITE_INTERRUPT):
		return ErrLocked
	case late:
		return errUnresponsive
	}
	return err
}

// Reason is [Config.Reason] of the database's own.
func (db *DB) Reason(err error) error { return db.cfg.Reason(err) }

// A Mend is what may end trouble with a database.
type Mend struct {
	Do      string // in words
	Command string // that does it, or shows more
}

// String is both in one line, for the log.
func (m Mend) String() string { return m.Do + "; " + m.Command }

// Mend says what may end the trouble that err is.
func (c Config) Mend(err error) Mend {
	const check = "distributor config check"
	switch code := sqliteCode(err) & 0xff; {
	case errors.Is(err, ErrLocked):
		return Mend{"End what keeps it, of those that the command lists all but distributor and cleanup", "fuser -v '" + c.file() + "'"}
	case code == sqlite3.SQLITE_FULL:
		return Mend{"Make room on its disk", "df -h '" + filepath.Dir(c.file()) + "'"}
	case c.MySQL == nil:
		return Mend{"See to the file, its folder and its disk", check}
	case errors.Is(err, errReadOnly) || isReadOnly(err):
		return Mend{"Make the server writable, or have SESSION_DATABASE_DSN lead to the one that is", check}
	case IsRefusal(err):
		return Mend{"Correct the SESSION_DATABASE_... settings, or the account there", check}
	}
	return Mend{"Start it, or correct SESSION_DATABASE_DSN", check}
}
