package bench

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aclements/go-moremath/stats"
	"golang.org/x/perf/benchmath"
)

// samples are measurements of one thing, all in the same unit.
type samples []float64

// add adds a time, in milliseconds.
func (s *samples) add(d time.Duration) { *s = append(*s, milliseconds(d)) }

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

const confidence = 0.95

// summary is the median, and what it would be in another run with that
// confidence. Of nothing it is not a number.
func (s samples) summary() benchmath.Summary {
	if len(s) == 0 {
		return benchmath.Summary{Center: math.NaN()}
	}
	return benchmath.AssumeNothing.Summary(benchmath.NewSample(slices.Clone(s), &benchmath.DefaultThresholds), confidence)
}

func (s samples) median() float64 { return s.summary().Center }

// quantile returns what a share q of the measurements are not above. Of nothing
// it is not a number.
func (s samples) quantile(q float64) float64 { return stats.Sample{Xs: s}.Quantile(q) }

// A row is one line of the table.
type row struct {
	name   string
	unit   string
	values samples
}

// A target compares a number with what was set out to be reached.
type target struct {
	name  string
	got   float64
	limit float64
	least bool // the limit is the least, else the most
	unit  string
	none  bool // there is no limit: the number is for people
}

// holds reports whether the target is reached. What was not measured is not.
func (t target) holds() bool {
	if t.least {
		return t.got >= t.limit
	}
	return t.got <= t.limit
}

// A report is what a run found out.
type report struct {
	rows    []row
	targets []target
}

func (r *report) row(name, unit string, values samples) {
	r.rows = append(r.rows, row{name, unit, values})
}

// atMost and atLeast add targets.
func (r *report) atMost(name string, got, limit float64, unit string) {
	r.targets = append(r.targets, target{name: name, got: got, limit: limit, unit: unit})
}

func (r *report) atLeast(name string, got, limit float64, unit string) {
	r.targets = append(r.targets, target{name: name, got: got, limit: limit, least: true, unit: unit})
}

// ratio adds a number for which no limit was set out.
func (r *report) ratio(name string, got float64) {
	r.targets = append(r.targets, target{name: name, got: got, none: true})
}

// write prints both tables. Beside the median stands how far it may be off: ∞
// where there are too few measurements to say. The worse end of a time, or of
// memory, is its 95th percentile, of a rate the 5th.
func (r *report) write(w io.Writer) {
	fmt.Fprintf(w, "\n%-60s %6s %10s %6s %10s\n", "", "n", "median", "±", "p95")
	for _, row := range r.rows {
		worse := row.values.quantile(0.95)
		if strings.HasSuffix(row.unit, "/s") {
			worse = row.values.quantile(0.05)
		}
		middle := row.values.summary()
		fmt.Fprintf(w, "%-60s %6d %10.2f %6s %10.2f %s\n", row.name, len(row.values), middle.Center, middle.PctRangeString(), worse, row.unit)
	}
	fmt.Fprintf(w, "\n%-60s %9s %12s\n", "", "is", "wanted")
	for _, t := range r.targets {
		if t.none {
			fmt.Fprintf(w, "%-60s %9.3f\n", t.name, t.got)
			continue
		}
		sign, verdict := "<=", "holds"
		if t.least {
			sign = ">="
		}
		if !t.holds() {
			verdict = "does not hold"
		}
		fmt.Fprintf(w, "%-60s %9.3f %3s %8.3f %-2s %s\n", t.name, t.got, sign, t.limit, t.unit, verdict)
	}
}
