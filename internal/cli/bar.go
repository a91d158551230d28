package cli

import (
	"io"
	"os"

	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"
)

// IsTerminal reports whether somebody sits at what w writes to.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// A Bar shows progress on a terminal, and nothing elsewhere. It is safe for concurrent use.
type Bar struct{ bar *progressbar.ProgressBar }

// NewBar returns a bar for a number of steps, less than zero: not known yet.
func NewBar(w io.Writer, what string, steps int) Bar {
	if !IsTerminal(w) {
		return Bar{}
	}
	return Bar{progressbar.NewOptions(steps, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what), progressbar.OptionClearOnFinish(), progressbar.OptionShowCount())}
}

// Step counts one more.
func (b Bar) Step() {
	if b.bar != nil {
		_ = b.bar.Add(1) // it fails only beyond the last
	}
}

// StepOf is Step where the number of steps is known only now.
func (b Bar) StepOf(steps int) {
	if b.bar != nil {
		b.bar.ChangeMax(steps)
		b.Step()
	}
}

// Finish removes the bar.
func (b Bar) Finish() {
	if b.bar != nil {
		_ = b.bar.Finish()
	}
}
