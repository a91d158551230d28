package journal

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"wrpdistributor/internal/database"
)

const usualMost = 1000

// ErrNone means that the database has no journal.
var ErrNone = errors.New("this database has no journal yet: its tables are of an earlier version (distributor migrate brings them up to date, and so does the service of this version when it starts)")

func readError(err error) error {
	if database.IsNoTable(err) {
		return ErrNone
	}
	return fmt.Errorf("read journal: %w", err)
}

// A Query says which entries are wanted. Its zero value wants all.
type Query struct {
	Request string
	Session int64
	Address string    // of clients; visitors too
	Account string    // of clients: its name with a device, or without for all of them
	Hash    string    // of a client
	Host    string    // its name, with or without a port
	Kind    string    // one of [Kinds]
	Since   time.Time // they happened, or happened again, since then
	After   int64     // they were written after the one with this id
	Most    int       // the latest of them; 0: 1000
}

// Entries is what programs are told.
type Entries struct {
	Entries []Entry `json:"entries"`

	// Begins is when the oldest of all entries was noted, where nothing was found of a
	// request, a session or a client.
	Begins time.Time `json:"begins,omitzero"`
}

// UnmarshalJSON reads what programs are told.
func (e *Entry) UnmarshalJSON(text []byte) error {
	type plain Entry
	told := struct {
		*plain
		What json.RawMessage `json:"detail"`
	}{plain: (*plain)(e)}
	if err := json.Unmarshal(text, &told); err != nil {
		return err
	}
	var unknown string // a later version's, as [Other] tells it
	if json.Unmarshal(told.What, &unknown) == nil {
		told.What = json.RawMessage(unknown)
	}
	e.What = decode(e.Kind, told.What)
	return nil
}

// Read returns entries, oldest first. It returns [ErrNone] where there is no journal.
func Read(ctx context.Context, db *database.DB, q Query) ([]Entry, error) {
	list, err := read(ctx, db, q, "request = ?", q.Request)
	if err == nil && len(list) == 0 && q.Request != "" {
		// There is no index for this, and people ask seldom enough.
		list, err = read(ctx, db, q, "requests LIKE ?", "%"+q.Request+"%")
	}
	return list, err
}

// A written is a row as it is read.
type written struct {
	ID       int64     `db:"id"`
	Process  string    `db:"process"`
	Program  string    `db:"program"`
	Kind     string    `db:"kind"`
	At       time.Time `db:"firstAt"`
	Last     time.Time `db:"lastAt"`
	Times    int       `db:"times"`
	Request  string    `db:"request"`
	Requests string    `db:"requests"`
	Session  int64     `db:"sessionId"`
	Host     string    `db:"containerHost"`
	Address  string    `db:"clientIp"`
	Hash     string    `db:"clientHash"`
	Detail   string    `db:"detail"`
}

// read returns entries, of a request by that condition.
func read(ctx context.Context, db *database.DB, q Query, ofRequest string, request string) ([]Entry, error) {
	where, args := q.conditions()
	if q.Request != "" {
		where, args = append(where, ofRequest), append(args, request)
	}
	var rows []written
	err := db.SelectContext(ctx, &rows, `SELECT id, process, program, kind, firstAt, lastAt, times, request, requests,
			sessionId, containerHost, clientIp, clientHash, detail
		FROM journal WHERE `+strings.Join(where, " AND ")+` ORDER BY firstAt DESC, id DESC LIMIT ?`, append(args, cmp.Or(q.Most, usualMost))...)
	if err != nil {
		return nil, readError(err)
	}
	slices.Reverse(rows)
	list := make([]Entry, len(rows))
	for i := range rows {
		list[i] = rows[i].entry()
	}
	return list, nil
}

func (w *written) entry() Entry {
	e := Entry{
		ID: w.ID, At: w.At.UTC(), Times: w.Times, Last: w.Last.UTC(), Kind: w.Kind, Request: w.Request, Requests: strings.Fields(w.Requests),
		Session: w.Session, Host: w.Host, Client: joinClient(w.Address, w.Hash), Program: w.Program, Process: w.Process,
		What: decode(w.Kind, []byte(w.Detail)),
	}
	e.Text = e.Sentence(time.UTC)
	return e
}

// conditions returns those of a WHERE, and their arguments.
func (q *Query) conditions() (where []string, args []any) {
	where = []string{"1 = 1"}
	add := func(wanted bool, condition string, values ...any) {
		if wanted {
			where, args = append(where, condition), append(args, values...)
		}
	}
	add(q.Session != 0, "sessionId = ?", q.Session)
	add(q.Address != "", "clientIp IN (?, ?)", q.Address, "visitor "+q.Address)
	// What follows a slash, by an index: 0 is the next letter.
	add(q.Account != "", "(clientIp = ? OR clientIp >= ? AND clientIp < ?)", q.Account, q.Account+"/", q.Account+"0")
	add(q.Hash != "", "clientHash = ?", q.Hash)
	add(q.Host != "", "(containerHost = ? OR containerHost LIKE ? ESCAPE '!')", q.Host, escape(q.Host)+":%")
	add(q.Kind != "", "kind = ?", q.Kind)
	// The first condition is for the index.
	add(!q.Since.IsZero(), "firstAt >= ? AND lastAt >= ?", stamp(q.Since.Add(-sameFor-sameWithin)), stamp(q.Since))
	add(q.After > 0, "id > ?", q.After)
	return where, args
}

// escape keeps the signs of a name from being wildcards. No host has others.
func escape(name string) string { return strings.NewReplacer("%", "", "_", "!_").Replace(name) }

// Oldest returns when the oldest entry was noted; zero: there is none.
func Oldest(ctx context.Context, db *database.DB) (time.Time, error) {
	var list []time.Time
	err := db.SelectContext(ctx, &list, `SELECT firstAt FROM journal ORDER BY firstAt LIMIT 1`)
	if err != nil {
		return time.Time{}, readError(err)
	}
	if len(list) == 0 {
		return time.Time{}, nil
	}
	return list[0].UTC(), nil
}
