package scripts_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"wrpdistributor/internal/hosts/hoststest"
)

// A workflow is what GitHub is to do, as far as somebody could do harm by it.
type workflow struct {
	Permissions map[string]string
	Jobs        map[string]job
}

type job struct {
	Uses        string
	Timeout     int `yaml:"timeout-minutes"`
	Permissions map[string]string
	Steps       []step
}

type step struct {
	Uses, Run string
	With, Env map[string]string
}

// writers are the jobs that may write anything, and what.
var writers = map[string]string{
	"release.yml publish": "contents",
	"release.yml image":   "packages",
	"nightly.yml image":   "packages",
}

var (
	pinned    = regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	uses      = regexp.MustCompile(`(?m)^[\s-]*uses:\s*(.*)$`)
	targets   = regexp.MustCompile(`\bmake ([a-z0-9_-]+)`)
	ownScript = regexp.MustCompile(`\.(?:github|ci)/[\w.-]+`)
	target    = regexp.MustCompile(`(?m)^([a-z0-9_-]+):.*## `)
	goOfMod   = regexp.MustCompile(`(?m)^go (\d+\.\d+)`)
)

// eachWorkflow calls f with each workflow, and its text.
func eachWorkflow(t *testing.T, f func(t *testing.T, name, text string, w workflow)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(hoststest.Root(t), ".github/workflows/*"))
	if err != nil || len(files) < 4 {
		t.Fatalf("workflows: %v, %v; want those for test, image, release and night", files, err)
	}
	for _, file := range files {
		name, text := filepath.Base(file), read(t, file)
		t.Run(name, func(t *testing.T) {
			var w workflow
			if err := yaml.Unmarshal([]byte(text), &w); err != nil {
				t.Fatal(err)
			}
			f(t, name, text, w)
		})
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestActionsArePinned: a tag of somebody else's may be moved to anything.
func TestActionsArePinned(t *testing.T) {
	eachWorkflow(t, func(t *testing.T, _, text string, _ workflow) {
		for _, found := range uses.FindAllStringSubmatch(text, -1) {
			if path, own := strings.CutPrefix(found[1], "./"); own {
				read(t, filepath.Join(hoststest.Root(t), path))
			} else if !pinned.MatchString(found[1]) {
				t.Errorf("uses: %s; want OWNER/NAME@COMMIT # v1.2.3, with all 40 digits", found[1])
			}
		}
	})
}

// TestWorkflowsMayLittle: all read the repository, and few jobs write one thing.
func TestWorkflowsMayLittle(t *testing.T) {
	eachWorkflow(t, func(t *testing.T, name, text string, w workflow) {
		if !maps.Equal(w.Permissions, map[string]string{"contents": "read"}) {
			t.Errorf("permissions of all jobs are %v, want contents: read", w.Permissions)
		}
		for id, job := range w.Jobs {
			want := map[string]string{}
			if what := writers[name+" "+id]; what != "" {
				want = map[string]string{"contents": "read", what: "write"}
			}
			for what, may := range job.Permissions {
				if want[what] != may {
					t.Errorf("job %s may %s %s, want %v", id, may, what, want)
				}
			}
		}
		if strings.Contains(text, "secrets.") {
			t.Error("there are secrets; want none but github.token")
		}
	})
}

// TestWorkflowsLeaveNothing: no token in a checkout that others' code then works in, no run
// without an end, and no words of others in a command line.
func TestWorkflowsLeaveNothing(t *testing.T) {
	eachWorkflow(t, func(t *testing.T, _, _ string, w workflow) {
		for id, job := range w.Jobs {
			if job.Timeout == 0 && job.Uses == "" {
				t.Errorf("job %s has no timeout-minutes", id)
			}
			for _, s := range job.Steps {
				if strings.HasPrefix(s.Uses, "actions/checkout@") && s.With["persist-credentials"] != "false" {
					t.Errorf("job %s: checkout leaves its token, want persist-credentials: false", id)
				}
				if strings.Contains(s.Run, "${{") {
					t.Errorf("job %s: run: %s; want what is in ${{ }} by env", id, s.Run)
				}
			}
		}
	})
}

// TestWorkflowsRunWhatThereIs: targets of make and scripts, with the Go of go.mod.
func TestWorkflowsRunWhatThereIs(t *testing.T) {
	root := hoststest.Root(t)
	var known []string
	for _, found := range target.FindAllStringSubmatch(read(t, filepath.Join(root, "Makefile")), -1) {
		known = append(known, found[1])
	}
	version := goOfMod.FindStringSubmatch(read(t, filepath.Join(root, "go.mod")))[1]
	eachWorkflow(t, func(t *testing.T, _, _ string, w workflow) {
		for id, job := range w.Jobs {
			for _, s := range job.Steps {
				for _, found := range targets.FindAllStringSubmatch(s.Run, -1) {
					if !slices.Contains(known, found[1]) {
						t.Errorf("job %s: there is no target %s", id, found[1])
					}
				}
				for _, path := range ownScript.FindAllString(s.Run, -1) {
					if info, err := os.Stat(filepath.Join(root, path)); err != nil || info.Mode()&0o111 == 0 {
						t.Errorf("job %s: %s cannot be run: %v", id, path, err)
					}
				}
				if strings.HasPrefix(s.Uses, "actions/setup-go@") && s.With["go-version"] != version {
					t.Errorf("job %s: Go %q, want %s as in go.mod", id, s.With["go-version"], version)
				}
			}
		}
	})
}
