package torture

import (
	"slices"
	"testing"
)

// TestPlanFollowsFromSeed checks also that all troubles come equally often, and
// that a short run has none that takes too long for it.
func TestPlanFollowsFromSeed(t *testing.T) {
	kinds := append(kindsOf(options{warm: 1, gateway: true, leave: true}), pretendHost{}.Kinds()...)
	long, again, short := plan(random(1), kinds, longRun, calmEvery), plan(random(1), kinds, longRun, calmEvery), plan(random(1), kinds, longRun/10, calmEvery)
	if !slices.Equal(long, again) || slices.Equal(long, plan(random(2), kinds, longRun, calmEvery)) {
		t.Error("the plan does not follow from the seed")
	}
	count := make(map[string]int)
	for _, s := range long {
		count[s.kind]++
	}
	for _, k := range kinds {
		if want := len(long) / (len(kinds) + 2); count[k.name] < want {
			t.Errorf("%s comes %d times among %d, want at least %d", k.name, count[k.name], len(long), want)
		}
	}
	if count[calm] < 2 {
		t.Errorf("%d calms among %d steps", count[calm], len(long))
	}
	for _, s := range short {
		if slices.ContainsFunc(kinds, func(k kind) bool { return k.slow && k.name == s.kind }) {
			t.Errorf("%s in a short run", s.kind)
		}
	}
}
