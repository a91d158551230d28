// Package reminder keeps the log quiet about trouble that lasts: it is said when it
// begins, and again every hour.
package reminder

import (
	"maps"
	"strings"
	"sync"
	"time"
)

// Every is after how long lasting trouble is said again.
const Every = time.Hour

// Trouble is one thing that works or does not, as a host or the database. The zero value
// is one that works. It is safe for concurrent use.
type Trouble struct {
	mu   sync.Mutex
	said map[string]time.Time // by what was wrong; nil: nothing is
}

// Due reports whether to say now that something is wrong: err was not said yet, or an
// hour ago. Errors that differ in numbers only, as those of ports are, count as one. Another
// one is news, but trouble that goes to and fro between two is not.
func (t *Trouble) Due(err error) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(t.said, func(_ string, at time.Time) bool { return now.Sub(at) >= Every })
	key := withoutNumbers(err)
	if _, known := t.said[key]; known {
		return false
	}
	if t.said == nil {
		t.said = make(map[string]time.Time)
	}
	t.said[key] = now
	return true
}

// Lasts reports whether there is trouble that was said.
func (t *Trouble) Lasts() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.said != nil
}

// Over notes that it works, so that the next trouble is news. It reports whether there
// was any that was said.
func (t *Trouble) Over() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	was := t.said != nil
	t.said = nil
	return was
}

func withoutNumbers(err error) string {
	return strings.Map(func(c rune) rune {
		if '0' <= c && c <= '9' {
			return -1
		}
		return c
	}, err.Error())
}
