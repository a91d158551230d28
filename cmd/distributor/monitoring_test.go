package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

const (
	alertRules = "../../docs/monitoring/alerts.yml"
	alertTests = "../../docs/monitoring/alerts.test.yml"
	board      = "../../docs/monitoring/dashboard.json"
	manual     = "../../docs/operations.md"
	reference  = "../../docs/reference.md"
)

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// An alert is one rule of alertRules.
type alert struct {
	Alert       string
	Expr        string
	For         string
	Labels      map[string]string
	Annotations map[string]string
}

func readAlerts(t *testing.T) (list []alert) {
	t.Helper()
	var file struct{ Groups []struct{ Rules []alert } }
	if err := yaml.Unmarshal([]byte(readFile(t, alertRules)), &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		list = append(list, g.Rules...)
	}
	if len(list) == 0 {
		t.Fatal("there are no alerts")
	}
	return list
}

// checkExpressions compares what the alerts and the board ask for with the metrics that
// there are.
func checkExpressions(t *testing.T, metrics []string) {
	t.Helper()
	for _, a := range readAlerts(t) {
		checkExpression(t, a.Alert, a.Expr, metrics)
	}
	for _, e := range boardExpressions(t) {
		checkExpression(t, "the board", e, metrics)
	}
}

var metricName = regexp.MustCompile(`\b(?:wrpdistributor|process|go)_[a-z0-9_]+`)

// checkExpression looks for metrics in an expression that are not told.
func checkExpression(t *testing.T, what, expr string, metrics []string) {
	t.Helper()
	names := metricName.FindAllString(expr, -1)
	if len(names) == 0 && !strings.Contains(expr, "up{") {
		t.Errorf("%s asks for no metric: %s", what, expr)
	}
	for _, name := range names {
		base := name
		for _, part := range []string{"_bucket", "_sum", "_count"} {
			base = strings.TrimSuffix(base, part)
		}
		if !slices.Contains(metrics, name) && !slices.Contains(metrics, base) {
			t.Errorf("%s asks for %s, which nothing tells", what, name)
		}
	}
}

// boardExpressions returns what the panels of the board ask for.
func boardExpressions(t *testing.T) (list []string) {
	t.Helper()
	var file struct {
		Panels []struct {
			ID      int
			Title   string
			Type    string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(readFile(t, board)), &file); err != nil {
		t.Fatal(err)
	}
	ids := make(map[int]bool)
	for _, p := range file.Panels {
		if ids[p.ID] || p.Title == "" || p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %d %q: its id is another's, or it has no title or asks for nothing", p.ID, p.Title)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			list = append(list, target.Expr)
		}
	}
	return list
}

var heading = regexp.MustCompile(`(?m)^#+ (.*)$`)

// anchors returns what links to the sections of a document end in.
func anchors(text string) (list []string) {
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		words := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case strings.ContainsRune("?!.,:;'`()\"/", r):
				return -1
			}
			return r
		}, strings.ToLower(m[1]))
		list = append(list, words)
	}
	return list
}

// TestAlertsSayWhatToDo: each has a section of the manual, waits a while, and says how
// bad it is; and promtool's tests have it fire.
func TestAlertsSayWhatToDo(t *testing.T) {
	sections, tests := anchors(readFile(t, manual)), readFile(t, alertTests)
	names := make(map[string]bool)
	for _, a := range readAlerts(t) {
		if names[a.Alert] {
			t.Errorf("there are two %s", a.Alert)
		}
		names[a.Alert] = true
		page, anchor, ok := strings.Cut(a.Annotations["runbook"], "#")
		if !ok || page != "docs/operations.md" || anchor != strings.ToLower(a.Alert) || !slices.Contains(sections, anchor) {
			t.Errorf("%s: its section is %q, and there is none", a.Alert, a.Annotations["runbook"])
		}
		if a.For == "" || a.Annotations["summary"] == "" || !slices.Contains([]string{"critical", "warning", "info"}, a.Labels["severity"]) {
			t.Errorf("%s: want for, a summary and a severity: %+v", a.Alert, a)
		}
		if !strings.Contains(tests, `alertname="`+a.Alert+`"`) {
			t.Errorf("%s does not fire in %s", a.Alert, alertTests)
		}
	}
}

// boardAsRules writes what the panels ask for where promtool reads it.
func boardAsRules(t *testing.T) string {
	t.Helper()
	type rule struct{ Record, Expr string }
	type group struct {
		Name  string
		Rules []rule
	}
	g := group{Name: "board"}
	for i, e := range boardExpressions(t) {
		e = strings.NewReplacer("$job", "wrp-distributor", "$__rate_interval", "5m").Replace(e)
		g.Rules = append(g.Rules, rule{fmt.Sprintf("board:%d", i), e})
	}
	text, err := yaml.Marshal(map[string][]group{"groups": {g}})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "board.yml")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestAlertRules has Prometheus' own program read the rules, and what the board asks for,
// and have all rules fire, and none while all is well.
func TestAlertRules(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	switch {
	case err != nil && os.Getenv("CI") != "":
		t.Fatal("promtool is not there: scripts/packages.sh installs it")
	case err != nil:
		t.Skip("promtool is not there (scripts/packages.sh installs it, or Debian's package prometheus): the expressions are not parsed")
	}
	for _, args := range [][]string{{"check", "rules", alertRules, boardAsRules(t)}, {"test", "rules", alertTests}} {
		if out, err := exec.Command(promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}
