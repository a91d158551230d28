package database

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/jmoiron/sqlx"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// How long a connection waits for others who write.
const (
	busyTimeout      = 10 * time.Second
	busyTimeoutAside = 500 * time.Millisecond
)

// openSQLite opens the file of cfg on a single connection: goroutines queue
// fairly in Go then, rather than race for the file's lock.
func openSQLite(cfg Config) (*sqlx.DB, error) { return openFile(cfg, busyTimeout) }

// openSQLiteAside is openSQLite for a connection that gives up soon while others write.
func openSQLiteAside(cfg Config) (*sqlx.DB, error) { return openFile(cfg, busyTimeoutAside) }

func openFile(cfg Config, busy time.Duration) (*sqlx.DB, error) {
	if cfg.Path == ":memory:" {
		return nil, errors.New("a database in memory cannot be shared with the cleanup command: name a file")
	}
	path, err := filepath.Abs(cfg.Path)
	if err != nil {
		return nil, err
	}
	if cfg.Create {
		err = create(path)
	} else if _, err = os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w at %s (SESSION_DATABASE_DSN; without it, in DATA_DIR): the distributor makes it when it first starts; is this its folder?", ErrNoDatabase, path)
	}
	if err != nil {
		return nil, err
	}
	db, err := sqlx.Open("sqlite", dsn(path, busy))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// isMissing reports whether there is no SQLite file; there is no path with MySQL.
func isMissing(path string) bool {
	_, err := os.Stat(path)
	return path != "" && errors.Is(err, fs.ErrNotExist)
}

// absolute returns a path for people.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// create makes an empty file that only its owner can read, since it will hold
// tokens. A file that exists is not even opened: closing it would drop the locks
// that other connections of this process have on it.
func create(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// dsn asks for a transaction's write lock at its start, which waits for others,
// rather than at its first change, which fails.
func dsn(path string, busy time.Duration) string {
	options := url.Values{
		"mode":         {"rw"}, // never creates
		"_txlock":      {"immediate"},
		"_pragma":      {fmt.Sprintf("busy_timeout(%d)", busy.Milliseconds()), "journal_mode(WAL)", "synchronous(NORMAL)"},
		"_time_format": {"datetime"},
		"_timezone":    {"UTC"},
		"_error_rc":    {"true"}, // else a missing folder is reported as "out of memory"
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + options.Encode()
}
