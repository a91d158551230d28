package session

import (
	"context"
	"sync"
)

// maxTouches bounds one batch, so that no statement gets too long.
const maxTouches = 500

// A touchKey says whose use is recorded: a client's, or a session's.
type touchKey struct {
	identity string
	id       int64 // without an identity
}

// A touchWriter records that sessions are used, one statement at a time. What comes while
// one is under way waits, and is written together; what finds none under way waits for
// no company. Many are written on a context of their own, which ends when nobody waits for
// the outcome any more: one who gives up takes nothing from the others. It is safe for
// concurrent use.
type touchWriter struct {
	store *Store
	alive context.Context // ends all of it
	tasks sync.WaitGroup

	mu      sync.Mutex // guards what follows, and touchBatch.waiting
	writing bool
	queue   []*touchBatch // not begun, in this order; all but the last are full
}

// A touchBatch is what is written at once.
type touchBatch struct {
	ctx     context.Context
	cancel  context.CancelFunc
	waiting int

	keys map[touchKey]bool // whether its session runs, once done
	done chan struct{}
	err  error // once done
}

// touch records the use of one session within the budget of ctx, and reports whether it
// runs.
func (w *touchWriter) touch(ctx context.Context, key touchKey) (bool, error) {
	b := w.join(key)
	if b == nil {
		return w.touchAlone(ctx, key)
	}
	defer w.leave(b)
	err := ask(ctx, func(ctx context.Context) error {
		select {
		case <-b.done:
			return b.err
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	return err == nil && b.keys[key], err
}

// join adds a key to the batch that is written next. It returns nil if none is under way:
// then the caller writes alone.
func (w *touchWriter) join(key touchKey) *touchBatch {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.writing {
		w.writing = true
		return nil
	}
	b := w.open()
	b.keys[key] = false
	b.waiting++
	return b
}

func (w *touchWriter) touchAlone(ctx context.Context, key touchKey) (bool, error) {
	defer w.goOn()
	runs, err := w.store.touchOne(ctx, key)
	failpoint("touched")
	return runs, err
}

// goOn has written what came meanwhile.
func (w *touchWriter) goOn() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.writing = len(w.queue) > 0; w.writing {
		w.tasks.Go(w.write)
	}
}

// open returns a batch that takes one more.
func (w *touchWriter) open() *touchBatch {
	if n := len(w.queue); n > 0 && len(w.queue[n-1].keys) < maxTouches {
		return w.queue[n-1]
	}
	b := &touchBatch{keys: make(map[touchKey]bool), done: make(chan struct{})}
	b.ctx, b.cancel = context.WithCancel(w.alive)
	w.queue = append(w.queue, b)
	return b
}

// leave ends a batch that nobody waits for.
func (w *touchWriter) leave(b *touchBatch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if b.waiting--; b.waiting > 0 {
		return
	}
	b.cancel()
	for i, queued := range w.queue {
		if queued == b { // who comes now wants another
			w.queue = append(w.queue[:i], w.queue[i+1:]...)
			break
		}
	}
}

// write writes until nobody waits.
func (w *touchWriter) write() {
	for b := w.take(); b != nil; b = w.take() {
		b.err = b.write(w.store)
		failpoint("touched")
		close(b.done)
	}
}

func (b *touchBatch) write(st *Store) (err error) {
	if len(b.keys) > 1 {
		return st.touchTogether(b.ctx, b.keys)
	}
	for key := range b.keys {
		b.keys[key], err = st.touchOne(b.ctx, key)
	}
	return err
}

// take returns the next batch, which from now on takes no more, or nil.
func (w *touchWriter) take() *touchBatch {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.writing = len(w.queue) > 0; !w.writing {
		return nil
	}
	b := w.queue[0]
	w.queue = w.queue[1:]
	return b
}
