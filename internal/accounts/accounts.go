// Package accounts knows who may come in by name and password, and vouches for who did:
// by tickets, which hold who it is, and by nonces for forms. It knows nothing of sessions.
//
// What callers can rely on: a password is in the database as its bcrypt hash alone, and
// nowhere else. A right one costs that hash once, then for as long as the account has the
// same version a keyed hash that this process has in memory. A wrong one costs bcrypt
// each time, whether there is such an account or not, and no address has more than a few
// of these at once. What one process changes is known to itself at once, and to the
// others within a second.
package accounts

import (
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/sync/singleflight"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/journal"
)

var (
	// ErrWrong means that name and password do not open anything; not why.
	ErrWrong = errors.New("the name or the password is wrong")

	// ErrUnknown means that there is no account of that name.
	ErrUnknown = errors.New("there is no such account")

	// ErrExists means that there is one already.
	ErrExists = errors.New("there is such an account already")

	// ErrName means that something is no name of an account or a device.
	ErrName = errors.New("no name")

	// ErrInvalid means that an account cannot have such a password, note or limit.
	ErrInvalid = errors.New("not possible")

	// ErrBusy means that too many passwords from one address are being looked at.
	ErrBusy = errors.New("too many passwords from this address at once")
)

const (
	// DefaultMaxSessions is how many sessions an account may have unless told otherwise.
	DefaultMaxSessions = 2

	// MostSessions is how many an account can be allowed.
	MostSessions = 1000
)

// An Account is somebody who may come in, or could, if it were not disabled.
type Account struct {
	Name        string       `db:"name"`
	Disabled    bool         `db:"disabled"`
	MaxSessions int          `db:"maxSessions"`
	Created     time.Time    `db:"created"`
	LastSeen    sql.NullTime `db:"lastSeen"` // to the minute
	Note        string       `db:"note"`     // for operators

	// Version is another one, never had before, when the password is changed, or the
	// account disabled, or removed and added again.
	Version int64 `db:"version"`
}

// An Accounts is all of them. It is safe for concurrent use.
type Accounts struct {
	db      *database.DB
	journal *journal.Writer
	log     *slog.Logger
	logins  *prometheus.CounterVec
	turns   turns
	looks   singleflight.Group
	cost    int
	compare func(hash, password []byte) error // of bcrypt

	processKey []byte // for what is remembered of right passwords
	portalKey  atomic.Pointer[[]byte]

	mu      sync.Mutex // guards what follows, of which there is one for each account at most
	changed time.Time  // by this process
	rows    map[string]row
	right   map[string]proof
	seen    map[string]time.Time // when that was last written
}

// New returns the accounts in db, which must be migrated. Notes may be nil.
func New(db *database.DB, notes *journal.Writer, log *slog.Logger) *Accounts {
	a := &Accounts{
		db: db, journal: notes, log: log, logins: newLogins(),
		turns: turns{of: newLines()}, cost: bcrypt.DefaultCost, compare: bcrypt.CompareHashAndPassword,
		processKey: make([]byte, 32),
		rows:       make(map[string]row), right: make(map[string]proof), seen: make(map[string]time.Time),
	}
	rand.Read(a.processKey) // never fails
	return a
}

// newVersion returns a version that no account ever had.
func newVersion() int64 {
	var b [8]byte
	rand.Read(b[:])
	return int64(binary.BigEndian.Uint64(b[:])>>2) + 1
}
