// Package journal remembers what happened to sessions and hosts, for people: why a
// client was refused, where its session ran, and why that ended.
//
// Whatever happens is noted in memory, which waits for nobody, and written a moment
// later, together with what happened meanwhile, on a connection of its own. So a
// database that is slow or away costs nobody anything but entries: as many are kept as
// fit, and of the others their number. A process that is killed loses those of its last
// moment.
//
// What a client does again and again, or is told again and again, is one entry with a
// count, and with the ids of the requests.
//
// Times are of the clock of the process that noted them, as in its log.
package journal

import (
	"context"
	"crypto/rand"
	"net/netip"
	"strings"
	"time"
)

// A Note is what happened to what. Which of them there are depends on what happened.
type Note struct {
	Session int64
	Host    string
	Client  string // as the log names it: 192.0.2.1#1a2b3c4d, the address, or anna/second
	What    What
}

// What happened. Its kinds are in kinds.go.
type What interface {
	// kind names it, in the database and to programs.
	kind() string

	// sentence tells it of an entry, without the time, the client and the point.
	sentence(e *Entry, z zone) string
}

// An Entry is what happened, and when.
type Entry struct {
	ID       int64     `json:"id"`
	At       time.Time `json:"at"`
	Times    int       `json:"times"`
	Last     time.Time `json:"last"` // of so many times
	Kind     string    `json:"kind"`
	Request  string    `json:"request,omitempty"`  // under which it happened first
	Requests []string  `json:"requests,omitempty"` // under which it happened again
	Session  int64     `json:"session,omitempty"`
	Host     string    `json:"host,omitempty"`
	Client   string    `json:"client,omitempty"`
	Program  string    `json:"program"` // whose process noted it
	Process  string    `json:"process"`
	What     What      `json:"detail"`
	Text     string    `json:"text"` // all of it in a sentence
}

// Is reports whether the entry is of one of the request's.
func (e *Entry) Is(request string) bool {
	if e.Request == request {
		return true
	}
	for _, r := range e.Requests {
		if r == request {
			return true
		}
	}
	return false
}

// NewRequest returns the id of a request: what its answer is given, and its lines in the
// log, and what is noted under it.
func NewRequest() string { return rand.Text()[:requestLength] }

type requestKey struct{}

// WithRequest has what is noted under the returned context be of a request.
func WithRequest(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

func requestOf(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// splitClient takes a client's name apart.
func splitClient(name string) (address, hash string) {
	address, hash, _ = strings.Cut(name, "#")
	return address, hash
}

// joinClient is the opposite of splitClient.
func joinClient(address, hash string) string {
	if hash == "" {
		return address
	}
	return address + "#" + hash
}

// HashOnly is a client's name without its address. Without a hash nothing is left, but of
// the names of accounts.
func HashOnly(name string) string {
	rest, hash := splitClient(name)
	if _, err := netip.ParseAddr(rest); hash == "" && err != nil && isAccount(rest) {
		return name
	}
	return joinClient("", hash)
}

const accountLetters = "abcdefghijklmnopqrstuvwxyz0123456789-_."

// isAccount reports whether a name may be an account's, with or without a device.
func isAccount(name string) bool {
	account, device, several := strings.Cut(name, "/")
	return account != "" && strings.Trim(account, accountLetters) == "" && (!several || device != "")
}
