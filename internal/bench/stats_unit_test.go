package bench

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"
)

func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		of   samples
		want float64
	}{
		{nil, math.NaN()},
		{samples{7}, 7},
		{samples{9, 1}, 5},
		{samples{3, 1, 2}, 2},
		{samples{4, 1, 100, 2}, 3},
	} {
		if got := tt.of.median(); !same(got, tt.want) {
			t.Errorf("median of %v = %v, want %v", tt.of, got, tt.want)
		}
	}
}

func TestPercentile(t *testing.T) {
	hundred := make(samples, 100)
	for i := range hundred {
		hundred[i] = float64(100 - i)
	}
	for _, tt := range []struct {
		of   samples
		p    float64
		want float64
	}{
		{nil, 95, math.NaN()},
		{samples{7}, 95, 7},
		{samples{7}, 0, 7},
		{samples{3, 1, 2}, 5, 1},
		{samples{3, 1, 2}, 95, 3},
		{hundred, 95, 95},
		{hundred, 5, 5},
		{hundred, 100, 100},
	} {
		if got := tt.of.percentile(tt.p); !same(got, tt.want) {
			t.Errorf("percentile %v of %v = %v, want %v", tt.p, tt.of, got, tt.want)
		}
	}
}

func TestRatio(t *testing.T) {
	for _, tt := range []struct{ a, b, want float64 }{
		{1, 4, 0.25}, {0, 4, 0}, {1, 0, math.NaN()}, {math.NaN(), 1, math.NaN()},
	} {
		if got := ratio(tt.a, tt.b); !same(got, tt.want) {
			t.Errorf("ratio(%v, %v) = %v, want %v", tt.a, tt.b, got, tt.want)
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

// TestReport checks what is printed of numbers that are known.
func TestReport(t *testing.T) {
	var r report
	r.row("time", "ms", samples{1, 2, 30})
	r.row("rate", "MB/s", samples{10, 20, 300})
	r.atMost("small enough", 0.05, 0.05, "")
	r.atMost("too large", 0.06, 0.05, "")
	r.atLeast("large enough", 0.25, 0.25, "")
	r.atLeast("too small", 0.24, 0.25, "")
	r.atMost("never measured", math.NaN(), 1, "ms")
	var b bytes.Buffer
	r.write(&b)
	for _, want := range []string{
		"time 3 2.00 30.00 ms",
		"rate 3 20.00 10.00 MB/s",
		"small enough 0.050 <= 0.050 holds",
		"too large 0.060 <= 0.050 does not hold",
		"large enough 0.250 >= 0.250 holds",
		"too small 0.240 >= 0.250 does not hold",
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
		{options{rounds: 1}, ""},
		{options{rounds: 1, only: onlyPut}, ""},
		{options{rounds: 1, only: onlyGateway}, ""},
		{options{rounds: 0}, "-rounds 0: want at least 1"},
		{options{rounds: 1, only: "post"}, `-only "post": want put or gateway`},
	} {
		if got := tt.of.problem(); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.of, got, tt.want)
		}
	}
}
