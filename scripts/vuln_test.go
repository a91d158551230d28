package scripts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
)

// vulnerabilityIn returns a database, as govulncheck reads them, in which one function of
// golang.org/x/crypto/ssh is vulnerable, and no version mends it.
func vulnerabilityIn(t *testing.T, function string) string {
	t.Helper()
	dir := t.TempDir()
	const at = `"modified":"2026-01-01T00:00:00Z"`
	for name, text := range map[string]string{
		"index/db.json":        `{` + at + `}`,
		"index/modules.json":   `[{"path":"golang.org/x/crypto","vulns":[{"id":"GO-2026-0001",` + at + `}]}]`,
		"index/vulns.json":     `[{"id":"GO-2026-0001",` + at + `}]`,
		"ID/GO-2026-0001.json": `{"schema_version":"1.3.1","id":"GO-2026-0001",` + at + `,"details":"For a test.","affected":[{"package":{"name":"golang.org/x/crypto","ecosystem":"Go"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}],"ecosystem_specific":{"imports":[{"path":"golang.org/x/crypto/ssh","symbols":["` + function + `"]}]}}]}`,
	} {
		write(t, filepath.Join(dir, name), text, 0o600)
	}
	return "VULNDB=file://" + dir
}

// TestE2EVulnerabilities: what a command calls fails, what merely comes with it does not.
func TestE2EVulnerabilities(t *testing.T) {
	proctest.E2E(t)
	for function, called := range map[string]bool{"NewClientConn": true, "NewControlClientConn": false} {
		t.Run(function, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "make", "vuln", vulnerabilityIn(t, function))
			cmd.Dir = hoststest.Root(t)
			cmd.Env = append(os.Environ(), "MAKEFLAGS=")
			out, err := cmd.CombinedOutput()
			if failed := err != nil; failed != called || called && !strings.Contains(string(out), "GO-2026-0001") {
				t.Errorf("make vuln: %v; want a failure, and the name GO-2026-0001: %v\n%s", err, called, out)
			}
		})
	}
}
