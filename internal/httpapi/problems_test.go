package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/session"
)

// named finds where a problem gets its name.
var named = regexp.MustCompile(`refusal\{[\w.]+, "([a-z-]+)"|WriteProblem\([^"]*"([a-z-]+)"|\{[\w.]+, "([a-z-]+)", ".*\},\n|return "([a-z-]+)", |name, e\.detail = "([a-z-]+)"`)

// TestEveryProblemIsExplained: each that can be met in /v1 has a line in INTEGRATION.md,
// and no other has.
func TestEveryProblemIsExplained(t *testing.T) {
	var written []string
	for _, folder := range []string{".", "../operator"} {
		files, err := filepath.Glob(folder + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatal(folder, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, m := range named.FindAllStringSubmatch(string(text), -1) {
				written = append(written, strings.Join(m[1:], ""))
			}
		}
	}
	text, err := os.ReadFile("../../INTEGRATION.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(text), "### Problems\n")
	list, _, _ = strings.Cut(list, "\n#")
	var explained []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| [0-9]{3} \\| .+ \\|$").FindAllStringSubmatch(list, -1) {
		explained = append(explained, m[1])
	}
	slices.Sort(written)
	slices.Sort(explained)
	if written = slices.Compact(written); !slices.Equal(written, explained) {
		t.Errorf("problems that can be met:\n%s\nand those that INTEGRATION.md explains:\n%s", strings.Join(written, "\n"), strings.Join(explained, "\n"))
	}
}

// TestProblemsOfErrors: those that need luck to be met over HTTP.
func TestProblemsOfErrors(t *testing.T) {
	for _, tt := range []struct {
		err    error
		method string
		name   string
		retry  int
	}{
		{fmt.Errorf("x: %w", session.ErrStopped), http.MethodPost, "stopped", 1},
		{fmt.Errorf("x: %w", session.ErrNoGateway), http.MethodPost, "no-gateway", 30},
		{fmt.Errorf("x: %w", hosts.ErrUnreachable), http.MethodPost, "unavailable", 30},
		{fmt.Errorf("x: %w", hosts.ErrUnknownHost), http.MethodDelete, "host-unreachable", 0},
		{errors.New("Error 1205 (HY000)"), http.MethodPost, "unavailable", 30},
	} {
		name, _ := problemOf(tt.err, tt.method)
		if a := answerTo(tt.err, tt.method); name != tt.name || a.code != http.StatusServiceUnavailable || a.retry != tt.retry {
			t.Errorf("%v: %s, %+v; want %s, again after %d s", tt.err, name, a, tt.name, tt.retry)
		}
	}
}
