package journal

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/reminder"
)

const (
	pause     = 200 * time.Millisecond // before what was noted is written: more may come
	failPause = time.Second            // before what could not be written is tried again
	maxQueued = 4096                   // entries that wait to be written
	maxBatch  = 256                    // entries that one statement writes
	writeTime = 5 * time.Second        // for a batch
	closeTime = 2 * time.Second        // for what is left at the end
	lastTries = 3                      // of a batch at the end
)

// A Config says whose entries they are.
type Config struct {
	DB       *database.DB
	Process  string // its id
	Program  string // its name
	HashOnly bool   // leave clients' addresses out
	Log      *slog.Logger
}

// A Writer writes the entries of one process. It is safe for concurrent use; nil is a
// writer that writes nothing. Close it to have written what was noted last.
type Writer struct {
	cfg   Config
	db    *database.DB // a connection that nobody else waits for
	tasks sync.WaitGroup

	trouble reminder.Trouble // with the database
	unsure  bool             // whether the last attempt was committed; of whoever writes
	hurry   chan struct{}    // has one if what is noted is to be written at once

	open, alive   context.Context // done when nothing more comes, and when no more is written
	finish, abort context.CancelFunc

	mu      sync.Mutex // guards what follows
	queue   []*row     // new ones
	repeats repeats
	number  int64         // of the last entry
	lost    int           // and not confessed yet
	writing bool          // a goroutine does
	asked   chan struct{} // closed for those who wait for what is not in a batch yet; nil: nobody does

	lostEver, refused int // entries; attempts to write
}

// NewWriter returns a writer. It uses a connection to cfg.DB of its own.
func NewWriter(cfg Config) (*Writer, error) {
	db, err := cfg.DB.Aside()
	if err != nil {
		return nil, err
	}
	w := &Writer{cfg: cfg, db: db, hurry: make(chan struct{}, 1)}
	w.open, w.finish = context.WithCancel(context.Background())
	w.alive, w.abort = context.WithCancel(context.Background())
	return w, nil
}

// Add notes what happened. It waits for nobody.
func (w *Writer) Add(ctx context.Context, n Note) {
	if w == nil {
		return
	}
	now := time.Now().UTC()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open.Err() != nil {
		return
	}
	request := requestOf(ctx)
	key := n.sameAs()
	if w.repeats.again(key, &n, request, now) || w.add(key, n, request, now) {
		w.begin()
	}
}

// add queues an entry, and reports whether there was room. w.mu is held.
func (w *Writer) add(key string, n Note, request string, now time.Time) bool {
	if len(w.queue) >= maxQueued {
		w.lost++
		w.lostEver++
		return false
	}
	if w.cfg.HashOnly {
		n.Client = HashOnly(n.Client)
	}
	w.number++
	r := &row{Process: w.cfg.Process, Number: w.number, Program: w.cfg.Program, Request: request, At: stamp(now), Last: stamp(now), Times: 1, first: now, last: now}
	r.set(n)
	w.queue = append(w.queue, r)
	w.repeats.remember(key, r, now)
	return true
}

// begin has somebody write what is queued. w.mu is held.
func (w *Writer) begin() {
	if w.writing {
		return
	}
	w.writing = true
	w.tasks.Go(w.write)
}

// write writes until nothing is left.
func (w *Writer) write() {
	wait, tries := pause, 0
	for {
		w.rest(wait)
		b := w.next()
		if b == nil {
			return
		}
		wait = pause
		if err := w.store(b); err != nil {
			wait = failPause
			if w.open.Err() != nil {
				tries++
			}
			if !w.putBack(b, err, tries < lastTries) {
				return
			}
			continue
		}
		if w.settle(b) {
			wait = 0
		}
	}
}

// A batch is what is written at once. It has copies, since rows change when something
// happens again.
type batch struct {
	added, changed []row
	rows           []*row        // that changed has copies of
	asked          chan struct{} // for it; nil: nobody has
}

// next returns what is to be written. If that is nothing, nobody writes from now on.
func (w *Writer) next() *batch {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := &batch{}
	for _, r := range w.queue[:min(maxBatch, len(w.queue))] {
		b.added = append(b.added, *r)
	}
	b.rows = w.repeats.takeChanged(maxBatch - len(b.added))
	for _, r := range b.rows {
		b.changed = append(b.changed, *r)
	}
	if len(b.added) == len(w.queue) && len(w.repeats.changed) == 0 {
		b.asked = w.takeAsked()
	}
	w.writing = len(b.added)+len(b.changed) > 0
	if !w.writing {
		w.release(b.asked)
		return nil
	}
	return b
}

// settle notes that a batch was written, and reports whether there is another already.
func (w *Writer) settle(b *batch) (more bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.trouble.Over() {
		w.cfg.Log.Info("journal written again")
	}
	for i := range b.added {
		r := w.queue[i]
		r.stored = b.added[i].Times
		if r.Times != r.stored {
			w.repeats.note(r)
		}
	}
	for i, r := range b.rows {
		r.stored = b.changed[i].Times
	}
	w.queue = append([]*row(nil), w.queue[len(b.added):]...)
	w.confess()
	w.release(b.asked)
	return len(w.queue) >= maxBatch
}

// putBack notes that a batch was not written. Unless it may be tried again, all that is
// left is given up. It reports whether to go on.
func (w *Writer) putBack(b *batch, err error, again bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refused++
	w.release(b.asked)
	for _, r := range b.rows {
		w.repeats.note(r)
	}
	if again && w.alive.Err() == nil {
		if w.trouble.Due(err) {
			w.cfg.Log.Warn("journal not written; will retry", "err", err)
		}
		return true
	}
	w.cfg.Log.Warn("end of the journal not written", "entries", len(w.queue)+w.lost, "err", err)
	w.queue, w.writing = nil, false
	return false
}

// confess notes how many entries were lost. w.mu is held.
func (w *Writer) confess() {
	if w.lost == 0 {
		return
	}
	n := w.lost
	if w.add("", Note{What: Lost{Entries: n, Why: "the database did not take as many"}}, "", time.Now().UTC()) {
		w.cfg.Log.Warn("journal entries lost; the database did not take as many", "entries", n)
		w.lost = 0
	}
}

// Close writes what was noted, for a short time at most, and ends the writer.
func (w *Writer) Close() error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	w.finish()
	w.mu.Unlock()
	late := time.AfterFunc(closeTime, w.abort)
	w.tasks.Wait()
	late.Stop()
	w.abort()
	return w.db.Close()
}

// Prune removes entries that were written longer ago than that, some thousands at most,
// and returns how many.
func (w *Writer) Prune(ctx context.Context, keep time.Duration) (int, error) {
	if w == nil {
		return 0, nil
	}
	return prune(ctx, w.db, keep)
}
