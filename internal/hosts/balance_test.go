package hosts

import "testing"

func TestStrategyChoosesHost(t *testing.T) {
	for _, tt := range []struct {
		name     string
		strategy Strategy
		loads    []Load
		want     string // the hosts that may be chosen
	}{
		{"fill: first host", FillHost, []Load{{Host: "a", Used: 0, Max: 2}, {Host: "b", Used: 0, Max: 2}}, "a"},
		{"fill: first goes on", FillHost, []Load{{Host: "a", Used: 1, Max: 2}, {Host: "b", Used: 0, Max: 2}}, "a"},
		{"fill: then the next", FillHost, []Load{{Host: "a", Used: 2, Max: 2}, {Host: "b", Used: 0, Max: 2}}, "b"},
		{"fill: above a lowered limit", FillHost, []Load{{Host: "a", Used: 3, Max: 2}, {Host: "b", Used: 1, Max: 2}}, "b"},
		{"fill: full", FillHost, []Load{{Host: "a", Used: 2, Max: 2}, {Host: "b", Used: 2, Max: 2}}, ""},
		{"fill: none", FillHost, nil, ""},
		{"equal: fewest", Equal, []Load{{Host: "a", Used: 2, Max: 9}, {Host: "b", Used: 1, Max: 9}, {Host: "c", Used: 3, Max: 9}}, "b"},
		{"equal: ties", Equal, []Load{{Host: "a", Used: 1, Max: 9}, {Host: "b", Used: 2, Max: 9}, {Host: "c", Used: 1, Max: 9}}, "ac"},
		{"equal: small hosts", Equal, []Load{{Host: "a", Used: 1, Max: 1}, {Host: "b", Used: 5, Max: 9}}, "b"},
		{"equal: above a lowered limit", Equal, []Load{{Host: "a", Used: 1, Max: 0}, {Host: "b", Used: 5, Max: 9}}, "b"},
		{"resources: most left", Resources(2), []Load{{Host: "a", Used: 1, Max: 9, Memory: 9}, {Host: "b", Used: 3, Max: 9, Memory: 14}, {Host: "c", Max: 9, Memory: 6}}, "b"},
		{"resources: ties", Resources(2), []Load{{Host: "a", Used: 1, Max: 9, Memory: 9}, {Host: "b", Max: 9, Memory: 7}, {Host: "c", Max: 9, Memory: 6}}, "ab"},
		{"resources: what waits needs memory", Resources(2), []Load{{Host: "a", Waiting: 2, Max: 9, Memory: 9}, {Host: "b", Max: 9, Memory: 6}}, "b"},
		{"resources: small hosts", Resources(2), []Load{{Host: "a", Used: 1, Max: 1, Memory: 99}, {Host: "b", Max: 9, Memory: 1}}, "b"},
		{"resources: more than there is", Resources(2), []Load{{Host: "a", Used: 7, Max: 9, Memory: 4}, {Host: "b", Used: 8, Max: 9, Memory: 4}}, "a"},
		{"resources: full", Resources(2), []Load{{Host: "a", Used: 1, Max: 1, Memory: 99}}, ""},
		{"equal: full", Equal, []Load{{Host: "a", Used: 1, Max: 1}, {Host: "b", Used: 9, Max: 9}}, ""},
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
