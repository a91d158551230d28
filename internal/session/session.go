// Package session decides which client owns which WRP container.
//
// A row in the table sessions is a claimed slot of a host. It is inserted
// before anything is started and deleted after the host confirmed that the
// container is gone, so a process that dies leaves a row that says what may be
// there. In between the row only moves forward:
//
//	claimed → starting → running → stopping → (deleted)
//	warming → warm → starting → …
//
// The second line is for containers that wait for a client. Taking one is an
// UPDATE as well, which one client wins.
//
// Every move is one UPDATE that names the state it expects (transitions.go).
// Whoever changes no row has lost a race and rolls back its own work. No
// transaction and no lock is held while SSH and Docker take their seconds.
//
// What callers can rely on: a client has at most one container that is not
// being stopped; an account has as many as it may, and no more; a session is handed over only while its container runs; a slot
// is given again only when its host says that the container is gone; a host
// that cannot be asked changes nothing.
package session

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/journal"
)

var (
	// ErrNotFound means that there is no such session.
	ErrNotFound = errors.New("session not found")

	// ErrStopped means that the session was stopped while it started.
	ErrStopped = errors.New("session was stopped while it started")

	// ErrNoTLS means that TLS was asked for and no host is configured for it.
	ErrNoTLS = errors.New("no host has a certificate")

	// ErrPending means that the slot of a stopped session cannot be freed yet: a
	// request for its container may still be under way.
	ErrPending = errors.New("container may still be starting")

	// ErrNoGateway means that the client's session is behind a gateway, and that none
	// is known here, yet.
	ErrNoGateway = errors.New("no gateway is known that the session could be reached through")

	// errTaken means that the client got a session by another request.
	errTaken = errors.New("client has a session already")

	// errEnough means that enough containers wait for clients.
	errEnough = errors.New("enough containers wait for clients")
)

// A State is where a session is in its life.
type State string

// The states, in the order of a session's life.
const (
	Claimed  State = "claimed"  // the slot is reserved, nothing was asked of the host
	Warming  State = "warming"  // the container is being made ready for a client still to come
	Warm     State = "warm"     // the container waits for a client
	Starting State = "starting" // the container is being made ready for its client
	Running  State = "running"  // the container serves a client
	Stopping State = "stopping" // the client is free, the container is not proven gone
)

// startUnderWay reports whether a starter, here or in another process, is at work on
// the session.
func (s *Session) startUnderWay() bool {
	return s.State == Claimed || s.State == Starting || s.State == Warming
}

// A Client is who asks for sessions: two installations behind one address
// differ by user agent. Other kinds are in account.go.
type Client struct {
	IP        string // canonical; or what kind the client is of
	UserAgent string // raw, in full; or the client's name within its kind

	account string // whose sessions are counted together; empty: nobody's
	device  string
	most    int // sessions of the account
}

// A Session is one row: a claimed slot of a host.
type Session struct {
	ID          int64        `db:"id"`
	State       State        `db:"state"`
	Host        string       `db:"containerHost"`
	Slot        int          `db:"slot"`
	Port        int          `db:"port"`
	TLS         bool         `db:"tls"`     // the client connects over TLS, to the gateway if there is one
	Gateway     bool         `db:"gateway"` // clients reach the container through a gateway only
	Frozen      bool         `db:"frozen"`  // the container is paused, or about to be
	Token       string       `db:"token"`   // empty: not known, the session was adopted from the PHP program
	ContainerID string       `db:"wrpContainerId"`
	Nonce       string       `db:"nonce"`    // random, of the claim; empty: adopted from the PHP program
	Settings    string       `db:"settings"` // what a container that waits was made with: [hosts.Pool.Settings]
	ClientIP    string       `db:"clientIp"`
	UserAgent   string       `db:"clientUserAgent"` // for people: the beginning, cleaned
	Account     string       `db:"account"`         // whose sessions are counted together: a name, or @ and an address; empty: nobody's
	Identity    []byte       `db:"identity"`        // nil: no client
	Started     time.Time    `db:"started"`
	LastUsed    sql.NullTime `db:"lastUsed"`
	Overdue     bool         `db:"overdue"` // started longer ago than a start may take

	// Elsewhere is the address of another process's gateway, which clients reach the
	// session through; empty: this process has one, or the session is direct.
	Elsewhere string `db:"-"`

	Took journal.Steps `db:"-"` // by the start that is under way here
}

// spec says how the session's container is started.
func (s *Session) spec(databaseID string) hosts.Spec {
	return hosts.Spec{Ref: s.ref(databaseID), Port: s.Port, Token: s.Token, TLS: s.TLS && !s.Gateway, Gateway: s.Gateway}
}

// ref names the session's container for its host.
func (s *Session) ref(databaseID string) hosts.Ref {
	r := hosts.Ref{
		Host:    s.Host,
		ID:      s.ContainerID,
		Name:    fmt.Sprintf("wrp_%.8s_%d", databaseID, s.ID),
		Session: s.ID,
		Nonce:   s.Nonce,
	}
	if s.Nonce == "" {
		r.Name = fmt.Sprintf("wrp_session_%d", s.ID) // as the PHP program named it
	}
	return r
}
