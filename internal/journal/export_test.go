package journal

import (
	"errors"
	"time"
)

// LoseAnswer writes what first notes, has the writer take that for failed, and has it go
// on after what then notes.
func (w *Writer) LoseAnswer(first, then func()) error {
	for !w.takeOver() {
		time.Sleep(time.Millisecond)
	}
	first()
	b := w.next()
	err := w.store(b)
	then()
	w.unsure = true
	w.putBack(b, errors.New("answer lost"), true)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writing = false
	w.begin()
	return err
}

// takeOver makes the caller the one who writes, unless somebody does.
func (w *Writer) takeOver() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.writing {
		return false
	}
	w.writing = true
	return true
}
