package bench

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestStatisticsOfFew has those that the library would not answer by itself, or
// that would change what is reported if it answered otherwise.
func TestStatisticsOfFew(t *testing.T) {
	for _, tt := range []struct {
		of               samples
		median, p95, min float64
	}{
		{nil, math.NaN(), math.NaN(), math.NaN()},
		{samples{7}, 7, 7, 7},
		{samples{9, 1}, 5, 9, 1},
		{samples{3, 1, 2}, 2, 3, 1},
		{samples{4, 1, 100, 2}, 3, 100, 1},
	} {
		before := slices.Clone(tt.of)
		got, want := []float64{tt.of.median(), tt.of.quantile(0.95), tt.of.quantile(0)}, []float64{tt.median, tt.p95, tt.min}
		if !slices.EqualFunc(got, want, func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }) {
			t.Errorf("median, 95th percentile and least of %v = %v, want %v", tt.of, got, want)
		}
		if !slices.Equal(tt.of, before) {
			t.Errorf("%v is in another order afterwards: %v", before, tt.of)
		}
	}
}

func TestSamplesAreMilliseconds(t *testing.T) {
	var s samples
	s.add(1500 * time.Microsecond)
	if len(s) != 1 || s[0] != 1.5 {
		t.Errorf("1.5 ms became %v", s)
	}
}

func TestReportSaysWhatTargetsHold(t *testing.T) {
	var r report
	r.row("time", "ms", samples{1, 2, 30})
	r.row("rate", "MB/s", samples{10, 20, 300})
	r.row("memory", "MB", samples{10, 20, 300})
	r.row("many", "ms", samples{100, 102, 98, 101, 99, 100, 100, 102})
	r.atMost("small enough", 0.05, 0.05, "")
	r.atMost("too large", 0.06, 0.05, "")
	r.atLeast("large enough", 0.25, 0.25, "")
	r.atLeast("too small", 0.24, 0.25, "")
	r.atMost("never measured", math.NaN(), 1, "ms")
	r.ratio("for people", 0.5)
	var b bytes.Buffer
	r.write(&b)
	for _, want := range []string{
		"time 3 2.00 ∞ 30.00 ms",
		"many 8 100.00 2% 102.00 ms",
		"rate 3 20.00 ∞ 10.00 MB/s",
		"memory 3 20.00 ∞ 300.00 MB",
		"small enough 0.050 <= 0.050 holds",
		"too large 0.060 <= 0.050 does not hold",
		"large enough 0.250 >= 0.250 holds",
		"too small 0.240 >= 0.250 does not hold",
		"for people 0.500",
		"never measured NaN <= 1.000 ms does not hold",
	} {
		if !hasLine(b.String(), want) {
			t.Errorf("no line %q in the report:\n%s", want, b.String())
		}
	}
}

// hasLine reports whether a line of text begins with those words, however far
// apart they are.
func hasLine(text, words string) bool {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.Join(strings.Fields(line), " ")+" ", words+" ") {
			return true
		}
	}
	return false
}

func TestFlagsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, tt := range []struct {
		of   options
		want string
	}{
		{options{rounds: 1, divide: 1}, ""},
		{options{rounds: 1, divide: 1, only: "put"}, ""},
		{options{rounds: 1, divide: 1, only: "gateway"}, ""},
		{options{rounds: 1, divide: 1, only: "scale"}, ""},
		{options{rounds: 1, divide: 1, only: "cleanup"}, ""},
		{options{rounds: 0, divide: 1}, "-rounds 0: want at least 1"},
		{options{rounds: 1, divide: 0}, "-divide 0: want at least 1"},
		{options{rounds: 1, divide: 1, only: "post"}, `-only "post": want one of ` + strings.Join(partNames(), ", ")},
	} {
		if got := tt.of.problem(); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.of, got, tt.want)
		}
	}
}
