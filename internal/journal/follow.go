package journal

import (
	"context"

	"wrpdistributor/internal/database"
)

// overlap is how many entries before the last one are looked at again: of two that are
// written at once, the one with the lower id may be seen later.
const overlap = 200

// A Follower returns entries as they are written.
type Follower struct {
	db   *database.DB
	q    Query
	last int64          // the highest id
	seen map[int64]bool // of those that are looked at again
}

// Follow returns a follower, and the entries that are there already.
func Follow(ctx context.Context, db *database.DB, q Query) (*Follower, []Entry, error) {
	f := &Follower{db: db, q: q, seen: make(map[int64]bool)}
	if err := db.GetContext(ctx, &f.last, `SELECT COALESCE(MAX(id), 0) FROM journal`); err != nil {
		return nil, nil, readError(err)
	}
	list, err := Read(ctx, db, q)
	f.note(list)
	return f, list, err
}

// Next returns the entries that were written since, or none. What happened again is told
// of once only.
func (f *Follower) Next(ctx context.Context) ([]Entry, error) {
	q := f.q
	q.After = f.last - overlap
	list, err := Read(ctx, f.db, q)
	if err != nil {
		return nil, err
	}
	var news []Entry
	for _, e := range list {
		if !f.seen[e.ID] {
			news = append(news, e)
		}
	}
	f.note(news)
	return news, nil
}

func (f *Follower) note(list []Entry) {
	for _, e := range list {
		f.seen[e.ID] = true
		f.last = max(f.last, e.ID)
	}
	for id := range f.seen {
		if id <= f.last-overlap {
			delete(f.seen, id)
		}
	}
}
