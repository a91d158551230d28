package internal_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "wrpdistributor/"

// TestLayering keeps the import graph as docs/architecture.md draws it.
func TestLayering(t *testing.T) {
	// What each package may import of ours. Commands may import everything, and
	// so may test kits, whose names end in "test". Torture, bench and scripts are tests alone.
	allowed := map[string][]string{
		"migrations":               {},
		"docs":                     {},
		"packaging":                {},
		"docker/host":              {},
		"internal/cli":             {},
		"internal/clock":           {},
		"internal/reminder":        {},
		"internal/hosts":           {"internal/clock", "internal/redact", "internal/reminder"},
		"internal/pretend":         {"internal/clock", "internal/pretend/standin"},
		"internal/pretend/standin": {"internal/clock"},
		"internal/hostguard":       {},
		"internal/database":        {"internal/clock", "internal/reminder", "migrations"},
		"internal/journal":         {"internal/clock", "internal/database", "internal/reminder"},
		"internal/accounts":        {"internal/auth", "internal/database", "internal/journal"},
		"internal/session":         {"internal/clock", "internal/hosts", "internal/database", "internal/journal"},
		"internal/reaper":          {"internal/clock", "internal/hosts", "internal/reminder", "internal/session"},
		"internal/warm":            {"internal/clock", "internal/hosts", "internal/reminder", "internal/session"},
		"internal/doctor":          {"internal/hosts"},
		"internal/hostsetup":       {"docker/host", "internal/hosts", "packaging"},
		"internal/statistics":      {"internal/clock", "internal/database", "internal/hosts", "internal/reminder", "internal/session"},
		"internal/dashboard":       {"internal/cli", "internal/database", "internal/hosts", "internal/journal", "internal/operator", "internal/reminder", "internal/statistics"},
		"internal/config":          {"internal/hosts", "internal/session"},
		"internal/auth":            {},
		"internal/certificate":     {},
		"internal/clientconn":      {},
		"internal/inflight":        {},
		"internal/redact":          {},
		"internal/target":          {},
		"internal/operator":        {"internal/accounts", "internal/database", "internal/hosts", "internal/journal", "internal/reminder", "internal/session", "internal/statistics"},
		"internal/httpapi":         {"docs", "internal/auth", "internal/hosts", "internal/inflight", "internal/journal", "internal/operator", "internal/redact", "internal/reminder", "internal/session", "internal/target"},
		"internal/gateway":         {"internal/clock", "internal/auth", "internal/clientconn", "internal/hosts", "internal/inflight", "internal/journal", "internal/redact", "internal/reminder", "internal/session", "internal/target"},
		"internal/portal":          {"internal/accounts", "internal/auth", "internal/gateway", "internal/hosts", "internal/inflight", "internal/journal", "internal/redact", "internal/session", "internal/target"},
		"internal/service":         {"internal/accounts", "internal/clock", "internal/config", "internal/database", "internal/hosts", "internal/journal", "internal/operator", "internal/pretend", "internal/reaper", "internal/reminder", "internal/session", "internal/statistics"},
		"internal/torture":         {},
		"internal/bench":           {},
		"docker/wrp-standin":       {"internal/pretend/standin"},
		"scripts":                  {},
	}
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		pkg := strings.TrimPrefix(fields[0], module)
		if strings.HasPrefix(pkg, "cmd/") || strings.HasSuffix(pkg, "test") || pkg == "internal" {
			continue
		}
		may, known := allowed[pkg]
		if !known {
			t.Errorf("%s is not in the table; decide what it may import", pkg)
		}
		for _, imported := range fields[1:] {
			if dep, ours := strings.CutPrefix(imported, module); ours && !slices.Contains(may, dep) {
				t.Errorf("%s must not import %s", pkg, dep)
			}
		}
	}
}
