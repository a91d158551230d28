package cli

import (
	"bytes"
	"io"
	"sync"
)

// An InOrder lets several works that go on at once write to one place, as if they went on
// one after the other: what the first writes is there at once, that of another when all
// before it have ended. It is safe for concurrent use.
type InOrder struct {
	out io.Writer

	mu    sync.Mutex // guards what follows
	turn  int
	works []orderedWork
}

type orderedWork struct {
	held  bytes.Buffer
	ended bool
}

// NewInOrder returns one for n works.
func NewInOrder(out io.Writer, n int) *InOrder {
	return &InOrder{out: out, works: make([]orderedWork, n)}
}

// Writer returns what work i writes to.
func (o *InOrder) Writer(i int) io.Writer { return orderedWriter{o, i} }

// End says that work i writes nothing more.
func (o *InOrder) End(i int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.works[i].ended = true
	for o.turn < len(o.works) && o.works[o.turn].ended {
		if o.turn++; o.turn < len(o.works) {
			_, _ = o.works[o.turn].held.WriteTo(o.out) // as the writer of a work
		}
	}
}

type orderedWriter struct {
	order *InOrder
	work  int
}

// Write implements [io.Writer].
func (w orderedWriter) Write(b []byte) (int, error) {
	o := w.order
	o.mu.Lock()
	defer o.mu.Unlock()
	if w.work == o.turn {
		return o.out.Write(b)
	}
	return o.works[w.work].held.Write(b)
}
