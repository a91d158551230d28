package proctest

import (
	"io/fs"
	"os"
	"strings"
	"testing"
)

// TestLongTestsAreFoundByName: one that asks for the variable by itself could have a
// name that make e2e does not know.
func TestLongTestsAreFoundByName(t *testing.T) {
	tree := os.DirFS("../..")
	err := fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := fs.ReadFile(tree, path)
		if strings.Contains(string(text), `env("E2`+`E")`) {
			t.Errorf("%s: call proctest.E2E instead of reading E2E", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestLongTestsAreNamedSo(t *testing.T) {
	for _, tt := range []struct{ name, env, want string }{
		{"TestE2EStop", "1", "runs"}, {"TestE2EStop", "", "skipped"}, {"TestE2EStop", "0", "skipped"},
		{"TestStop", "1", "failed"}, {"TestStop", "", "failed"},
	} {
		t.Setenv("E2E", tt.env)
		asked := &named{TB: t, name: tt.name, fate: "runs"}
		func() {
			defer func() { _ = recover() }()
			E2E(asked)
		}()
		if asked.fate != tt.want {
			t.Errorf("%s with E2E=%q: %s, want %s", tt.name, tt.env, asked.fate, tt.want)
		}
	}
}

// A named is a test of another name, which remembers what became of it.
type named struct {
	testing.TB
	name, fate string
}

func (n *named) Name() string              { return n.name }
func (n *named) Skip(...any)               { n.end("skipped") }
func (n *named) Fatalf(_ string, _ ...any) { n.end("failed") }

func (n *named) end(fate string) {
	n.fate = fate
	panic(fate) // goes no further, as a test that ends
}
