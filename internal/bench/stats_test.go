package bench

import (
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// samples are measurements of one thing, all in the same unit.
type samples []float64

// add adds a time, in milliseconds.
func (s *samples) add(d time.Duration) { *s = append(*s, float64(d)/float64(time.Millisecond)) }

// median returns the one in the middle, or the mean of the two there. Of nothing
// it is not a number.
func (s samples) median() float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(s))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// percentile returns the smallest one that p in a hundred are not above. Of
// nothing it is not a number.
func (s samples) percentile(p float64) float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	rank := int(math.Ceil(p / 100 * float64(len(s))))
	return slices.Sorted(slices.Values(s))[max(rank, 1)-1]
}

// ratio is a/b, and not a number where that says nothing.
func ratio(a, b float64) float64 {
	if b == 0 {
		return math.NaN()
	}
	return a / b
}

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

// write prints both tables. What is good for a time is its 95th percentile, and
// for a rate the 5th.
func (r *report) write(w io.Writer) {
	fmt.Fprintf(w, "\n%-34s %6s %10s %10s\n", "", "n", "median", "p95")
	for _, row := range r.rows {
		worse := row.values.percentile(95)
		if row.unit != "ms" {
			worse = row.values.percentile(5)
		}
		fmt.Fprintf(w, "%-34s %6d %10.2f %10.2f %s\n", row.name, len(row.values), row.values.median(), worse, row.unit)
	}
	fmt.Fprintf(w, "\n%-52s %9s %12s\n", "", "is", "wanted")
	for _, t := range r.targets {
		sign, verdict := "<=", "holds"
		if t.least {
			sign = ">="
		}
		if !t.holds() {
			verdict = "does not hold"
		}
		fmt.Fprintf(w, "%-52s %9.3f %3s %8.3f %-2s %s\n", t.name, t.got, sign, t.limit, t.unit, verdict)
	}
}
