package journal

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"wrpdistributor/internal/database"
)

// ErrForm means that a text names neither a request nor a session nor a client.
var ErrForm = errors.New("want the id of a request (10 letters and digits, from the error page or X-Request-Id), " +
	"the number of a session, or a client as the log names it: 192.0.2.1#1a2b3c4d, 192.0.2.1, 1a2b3c4d, " +
	"or by account: anna/second, anna")

const (
	requestLength = 10
	requestDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	hashLength    = 8
)

// CheckForm returns [ErrForm] unless about may be a request, a session or a client.
func CheckForm(about string) error {
	if len(meanings(about)) == 0 {
		return ErrForm
	}
	return nil
}

// Why returns what happened to a request, a session or a client, oldest first: none, if
// nothing is known. Of a request and of a session it is all of the way that led there,
// and what became of it. The error is [ErrForm] if about is neither.
func Why(ctx context.Context, db *database.DB, about string) ([]Entry, error) {
	queries := meanings(about)
	if len(queries) == 0 {
		return nil, ErrForm
	}
	for _, q := range queries {
		list, err := Read(ctx, db, q)
		if err == nil && len(list) > 0 && (q.Request != "" || q.Session != 0) {
			list, err = follow(ctx, db, list)
		}
		if err != nil || len(list) > 0 {
			return list, err
		}
	}
	return nil, nil
}

// meanings returns what a text may mean, the likeliest first.
func meanings(about string) (list []Query) {
	about = strings.TrimSpace(about)
	if n, err := strconv.ParseInt(about, 10, 64); err == nil && n > 0 {
		list = append(list, Query{Session: n})
	}
	if isRequest(strings.ToUpper(about)) {
		list = append(list, Query{Request: strings.ToUpper(about)})
	}
	name, hash, named := strings.Cut(about, "#")
	if !named && isHash(about) {
		name, hash, named = "", about, true
	}
	addr, err := netip.ParseAddr(name)
	switch {
	case named && isHash(hash) && name == "":
		list = append(list, Query{Hash: strings.ToLower(hash)})
	case named && isHash(hash) && err == nil:
		list = append(list, Query{Address: addr.Unmap().String(), Hash: strings.ToLower(hash)})
	case named && isHash(hash): // a client that is known by no address
		list = append(list, Query{Address: name, Hash: strings.ToLower(hash)})
	case !named && err == nil:
		list = append(list, Query{Address: addr.Unmap().String()})
	}
	if isAccount(about) {
		list = append(list, Query{Account: about})
	}
	return list
}

func isRequest(text string) bool {
	return len(text) == requestLength && strings.Trim(text, requestDigits) == ""
}

func isHash(text string) bool {
	_, err := hex.DecodeString(text)
	return err == nil && len(text) == hashLength
}

// follow adds to entries those of their sessions, and of the requests that had these
// started.
func follow(ctx context.Context, db *database.DB, list []Entry) ([]Entry, error) {
	for _, q := range append(sessions(list), requests(list)...) {
		more, err := Read(ctx, db, q)
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	slices.SortFunc(list, func(a, b Entry) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
	return slices.CompactFunc(list, func(a, b Entry) bool { return a.ID == b.ID }), nil
}

func sessions(list []Entry) (queries []Query) {
	for _, e := range list {
		q := Query{Session: e.Session}
		if e.Session != 0 && !slices.Contains(queries, q) {
			queries = append(queries, q)
		}
	}
	return queries
}

func requests(list []Entry) (queries []Query) {
	for _, e := range list {
		q := Query{Request: e.Request}
		switch e.What.(type) {
		case Claimed, Taken, Started:
			if e.Request != "" && !slices.Contains(queries, q) {
				queries = append(queries, q)
			}
		}
	}
	return queries
}
