package accounts

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"wrpdistributor/internal/database"
)

// Kinds of tickets.
const (
	KindAccount = "account"
	KindVisitor = "visitor"
)

var (
	// ErrTicket means that something is no ticket that this service made.
	ErrTicket = errors.New("no ticket of this service")

	errNoKey = errors.New("the key of tickets was not read yet")
)

const (
	keySize   = 32
	maxTicket = 1 << 10 // of ours are shorter
)

// A Ticket is what a cookie holds: who it is. Whoever has it can read it, and change
// nothing. Whether it still counts [Accounts.OfTicket] knows.
type Ticket struct {
	Kind    string
	Name    string // of an account, or the id of a visitor
	Device  string
	Version int64
	Issued  time.Time // to the second
	ID      string    // random: no two are the same
}

// sealed is how a ticket is written.
type sealed struct {
	Kind    string `json:"k"`
	Name    string `json:"n"`
	Device  string `json:"d,omitempty"`
	Version int64  `json:"v,omitempty"`
	Issued  int64  `json:"i"`
	ID      string `json:"u,omitempty"`
}

func (t Ticket) sealed() sealed {
	return sealed{t.Kind, t.Name, t.Device, t.Version, t.Issued.Unix(), t.ID}
}

// LoadKey reads the key of tickets and nonces, which all processes on a database share,
// and makes it if there is none. It must have succeeded before the first of them.
func (a *Accounts) LoadKey(ctx context.Context) error {
	key, err := a.readKey(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		fresh := make([]byte, keySize)
		rand.Read(fresh) // never fails
		_, err = database.Exec(ctx, a.db, a.db.InsertIgnore()+` INTO portalKeys (id, portalKey, created) VALUES (1, ?, `+a.db.Now()+`)`, hex.EncodeToString(fresh))
		if err == nil {
			key, err = a.readKey(ctx) // of whoever was first
		}
	}
	if err != nil {
		return fmt.Errorf("read the key of tickets: %w", err)
	}
	a.portalKey.Store(&key)
	return nil
}

func (a *Accounts) readKey(ctx context.Context) ([]byte, error) {
	var text string
	if err := a.db.GetContext(ctx, &text, `SELECT portalKey FROM portalKeys WHERE id = 1`); err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(text)
	if err != nil || len(key) != keySize {
		return nil, errors.New("table portalKeys holds none; DELETE FROM portalKeys has a new one made, and all cookies end")
	}
	return key, nil
}

// Seal writes a ticket, in characters that a cookie may have.
func (a *Accounts) Seal(t Ticket) (string, error) {
	key := a.portalKey.Load()
	if key == nil {
		return "", errNoKey
	}
	text, err := json.Marshal(t.sealed())
	if err != nil {
		return "", err
	}
	return encode(text) + "." + encode(sum(*key, "ticket", string(text))), nil
}

// Open reads a ticket that [Accounts.Seal] wrote, in any process. It returns [ErrTicket]
// for what is none.
func (a *Accounts) Open(ticket string) (Ticket, error) {
	key := a.portalKey.Load()
	if key == nil {
		return Ticket{}, errNoKey
	}
	if len(ticket) > maxTicket {
		return Ticket{}, ErrTicket
	}
	body, mark, _ := strings.Cut(ticket, ".")
	text, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil || !hmac.Equal([]byte(mark), []byte(encode(sum(*key, "ticket", string(text))))) {
		return Ticket{}, ErrTicket
	}
	var s sealed
	if err := json.Unmarshal(text, &s); err != nil {
		return Ticket{}, ErrTicket
	}
	return Ticket{s.Kind, s.Name, s.Device, s.Version, time.Unix(s.Issued, 0).UTC(), s.ID}, nil
}

// Nonce returns what proves that a form was made by this service, for a purpose and for
// what it is about. It is empty, which nothing equals, before [Accounts.LoadKey].
func (a *Accounts) Nonce(purpose string, of ...string) string {
	key := a.portalKey.Load()
	if key == nil {
		return ""
	}
	return encode(sum(*key, "nonce", append([]string{purpose}, of...)...))
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// sum returns a keyed hash over a use of the key and a list. No two lists, and no two
// uses, have the same.
func sum(key []byte, use string, list ...string) []byte {
	h := hmac.New(sha256.New, key)
	for _, part := range append([]string{use}, list...) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	return h.Sum(nil)
}
