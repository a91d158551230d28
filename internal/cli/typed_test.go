package cli

import "testing"

// TestPackagedCommandsCanBeTyped: what the package's programs tell people to type is there.
func TestPackagedCommandsCanBeTyped(t *testing.T) {
	for text, want := range map[string]string{
		"distributor hosts check c1":                              "wrp-distributor hosts check c1",
		"sleep 120; distributor hosts check c1":                   "sleep 120; wrp-distributor hosts check c1",
		"see \"distributor why\"":                                 "see \"wrp-distributor why\"",
		"give up what it has: cleanup --forget-host c1":           "give up what it has: wrp-cleanup --forget-host c1",
		"a | distributor accounts add b\n  distributor --pretend": "a | wrp-distributor accounts add b\n  wrp-distributor --pretend",
		"wrp-distributor status; bin/distributor status":          "wrp-distributor status; bin/distributor status",
		"no running distributor answers, and cleanup removes":     "no running distributor answers, and cleanup removes",
	} {
		if got := typed("wrp-", text); got != want {
			t.Errorf("%q is told as %q, want %q", text, got, want)
		}
		if got := typed("", text); got != text {
			t.Errorf("without the package %q is told as %q", text, got)
		}
	}
}
