package journal

import "context"

// overlap is how many entries before the last one are looked at again: of two that are
// written at once, the one with the lower id may be seen later.
const overlap = 200

// A Follower returns entries as they are written.
type Follower struct {
	read func(ctx context.Context, after int64) ([]Entry, error)
	last int64          // the highest id
	seen map[int64]bool // of those that are looked at again
}

// Follow returns a follower of what read returns, which is entries with higher ids than
// the one that it is given.
func Follow(read func(ctx context.Context, after int64) ([]Entry, error)) *Follower {
	return &Follower{read: read, seen: make(map[int64]bool)}
}

// Next returns the entries that were written since it was called last, or none; at first
// all that are there. What happened again is told of once only.
func (f *Follower) Next(ctx context.Context) ([]Entry, error) {
	list, err := f.read(ctx, max(0, f.last-overlap))
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
