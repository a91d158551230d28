package statistics

import (
	"fmt"
	"maps"
	"testing"
)

func TestPerHost(t *testing.T) {
	tests := []struct {
		text string
		want map[string]int
		ok   bool
	}{
		{``, nil, true},
		{`{}`, nil, true},
		{`{"a.example":2,"b.example:2222":0}`, map[string]int{"a.example": 2, "b.example:2222": 0}, true},
		{`a:0:{}`, nil, true},
		{`a:1:{s:9:"127.0.0.1";i:2;}`, map[string]int{"127.0.0.1": 2}, true},
		{`a:2:{s:1:"a";i:0;s:9:"b.ex";i:1";i:65535;}`, map[string]int{"a": 0, `b.ex";i:1`: 65535}, true}, // the length counts
		{`a:1:{s:2:"é";i:1;}`, map[string]int{"é": 1}, true},                                             // in bytes
		{`a:1:{s:9:"127.0.0.1";i:2;}x`, nil, false},
		{`a:2:{s:9:"127.0.0.1";i:2;}`, nil, false},
		{`a:1:{s:99:"127.0.0.1";i:2;}`, nil, false},
		{`a:1:{s:8:"127.0.0.1";i:2;}`, nil, false},
		{`a:1:{s:-1:"";i:2;}`, nil, false},
		{`a:1:{i:0;i:2;}`, nil, false},
		{`a:1:{s:1:"a";i:-2;}`, nil, false},
		{`a:1:{s:1:"a";i:99999999999999999999;}`, nil, false},
		{`a:99999999999:{}`, nil, false},
		{`O:8:"stdClass":0:{}`, nil, false},
		{`{"a":"b"}`, nil, false},
		{`{"a":1`, nil, false},
		{`{"a":9223372036854775807}`, nil, false}, // sums of it are none
		{`{"a":-1}`, nil, false},
		{`x`, nil, false},
	}
	for _, tt := range tests {
		got, err := PerHost(tt.text)
		if !maps.Equal(got, tt.want) || (err == nil) != tt.ok {
			t.Errorf("PerHost(%q) = %v, %v; want %v, ok %t", tt.text, got, err, tt.want, tt.ok)
		}
	}
}

// FuzzPerHost: what was read can be written, and is read alike.
func FuzzPerHost(f *testing.F) {
	for _, seed := range []string{`a:1:{s:9:"127.0.0.1";i:2;}`, `a:0:{}`, `{"a":1}`, ``, `a:2:{s:1:"a";i:1;s:1:"a";i:2;}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		first, err := PerHost(text)
		if err != nil {
			return
		}
		if php := serialized(first); php != "" {
			if again, err := PerHost(php); err != nil || !maps.Equal(first, again) {
				t.Errorf("%q was read as %v, and that, as %q, as %v (%v)", text, first, php, again, err)
			}
		}
	})
}

// serialized is what PHP would write. It has negative numbers too, which no pool has.
func serialized(perHost map[string]int) string {
	text := fmt.Sprintf("a:%d:{", len(perHost))
	for name, n := range perHost {
		if n < 0 {
			return ""
		}
		text += fmt.Sprintf(`s:%d:"%s";i:%d;`, len(name), name, n)
	}
	return text + "}"
}

// TestManyHostsFit into the column: those with the most sessions.
func TestManyHostsFit(t *testing.T) {
	perHost := make(map[string]int)
	for i := range 5000 {
		perHost[fmt.Sprintf("host-%04d.example", i)] = i
	}
	text := encode(perHost)
	got, err := PerHost(text)
	if err != nil || len(text) > maxText || len(got) != 1250 {
		t.Fatalf("%d bytes with %d hosts, %v; want 1250 hosts", len(text), len(got), err)
	}
	if got["host-4999.example"] != 4999 || got["host-3750.example"] != 3750 {
		t.Error("the hosts with the most sessions are not among them")
	}
}
