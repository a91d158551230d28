package cli

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/docker/go-units"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// lineInterval is between two lines about the progress of one work where nobody sits.
const lineInterval = 10 * time.Second

const barWidth = 20

// A Board shows the progress of several works at once, in bytes, and then what came of
// them: on a terminal with a bar for each that is under way, and lines when all are
// done; elsewhere with plain lines as it happens. It is safe for concurrent use.
type Board struct {
	out  io.Writer
	bars *mpb.Progress // nil: no terminal

	mu    sync.Mutex
	works []work
}

type work struct {
	name    string
	bar     *mpb.Bar
	said    time.Time // when the last line was written
	outcome string
}

// NewBoard returns a board for works of these names. Whoever makes one has to close it.
func NewBoard(out io.Writer, names []string) *Board {
	b := &Board{out: out}
	if IsTerminal(out) {
		b.bars = mpb.New(mpb.WithOutput(out))
	}
	for _, name := range names {
		w := work{name: name, said: time.Now()}
		if b.bars != nil {
			w.bar = b.bars.New(0, mpb.BarStyle(), mpb.BarWidth(barWidth), mpb.BarRemoveOnComplete(),
				mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR)),
				mpb.AppendDecorators(decor.Any(func(s decor.Statistics) string { return amount(s.Current, s.Total) })))
		}
		b.works = append(b.works, w)
	}
	return b
}

func amount(done, total int64) string {
	if total <= 0 {
		return "begins"
	}
	return units.HumanSize(float64(done)) + " of " + units.HumanSize(float64(total))
}

// Progress says how far a work is, by its place among the names.
func (b *Board) Progress(i int, done, total int64) {
	w := &b.works[i]
	if b.bars != nil {
		w.bar.SetTotal(total, false)
		w.bar.SetCurrent(done)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Since(w.said) >= lineInterval {
		w.said = time.Now()
		fmt.Fprintf(b.out, "%s: %s\n", w.name, amount(done, total))
	}
}

// Finish says what came of a work.
func (b *Board) Finish(i int, outcome string) {
	w := &b.works[i]
	if b.bars != nil {
		w.outcome = outcome
		w.bar.Abort(true)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	fmt.Fprintf(b.out, "%s: %s\n", w.name, outcome)
}

// Close waits until all is shown. All works have to be finished.
func (b *Board) Close() {
	if b.bars == nil {
		return
	}
	b.bars.Wait()
	for _, w := range b.works {
		fmt.Fprintf(b.out, "%s: %s\n", w.name, w.outcome)
	}
}
