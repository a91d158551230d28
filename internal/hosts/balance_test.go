package hosts

import "testing"

func TestStrategyChoosesHost(t *testing.T) {
	for _, tt := range []struct {
		name     string
		strategy Strategy
		loads    []Load
		want     string // the hosts that may be chosen
	}{
		{"fill: first host", FillHost, []Load{{"a", 0, 2}, {"b", 0, 2}}, "a"},
		{"fill: first goes on", FillHost, []Load{{"a", 1, 2}, {"b", 0, 2}}, "a"},
		{"fill: then the next", FillHost, []Load{{"a", 2, 2}, {"b", 0, 2}}, "b"},
		{"fill: above a lowered limit", FillHost, []Load{{"a", 3, 2}, {"b", 1, 2}}, "b"},
		{"fill: full", FillHost, []Load{{"a", 2, 2}, {"b", 2, 2}}, ""},
		{"fill: none", FillHost, nil, ""},
		{"equal: fewest", Equal, []Load{{"a", 2, 9}, {"b", 1, 9}, {"c", 3, 9}}, "b"},
		{"equal: ties", Equal, []Load{{"a", 1, 9}, {"b", 2, 9}, {"c", 1, 9}}, "ac"},
		{"equal: small hosts", Equal, []Load{{"a", 1, 1}, {"b", 5, 9}}, "b"},
		{"equal: above a lowered limit", Equal, []Load{{"a", 1, 0}, {"b", 5, 9}}, "b"},
		{"equal: full", Equal, []Load{{"a", 1, 1}, {"b", 9, 9}}, ""},
	} {
		got := make(map[string]int)
		for range 300 {
			if i, ok := tt.strategy(tt.loads); ok {
				got[tt.loads[i].Host]++
			}
		}
		if len(got) != len(tt.want) {
			t.Errorf("%s: chose %v, want of %q each", tt.name, got, tt.want)
		}
		for _, h := range tt.want {
			if got[string(h)] < 300/len(tt.want)/2 {
				t.Errorf("%s: chose %v, want of %q each", tt.name, got, tt.want)
			}
		}
	}
}
