package scripts_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
)

// A document has, by heading, what an operator is to type: its blocks of sh. What stands
// before the first heading of a section has the heading "".
type document map[string][]string

// readDocument reads one of docs.
func readDocument(t *testing.T, name string) document {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(hoststest.Root(t), "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return parseDocument(string(text))
}

func parseDocument(text string) document {
	d := make(document)
	heading, fence := "", ""
	var block []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		words := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(words, "```") && fence == "":
			fence, block = words, nil
		case words == "```":
			if fence == "```sh" {
				d[heading] = append(d[heading], strings.Join(block, "\n"))
			}
			fence = ""
		case fence != "":
			block = append(block, words)
		case strings.HasPrefix(line, "##"):
			heading = strings.TrimLeft(line, "# ")
		}
	}
	return d
}

func TestDocumentIsReadByHeading(t *testing.T) {
	d := parseDocument("# Title\n\n```sh\nA=1\n```\n\n## One\n\n1. Do:\n\n   ```sh\n   cd x\n   # not a heading\n   ```\n\n```nginx\nno\n```\n\n### Two\n```\nno\n```\n```sh\ny\n```\n")
	for heading, want := range map[string]string{"": "A=1", "One": "cd x\n# not a heading", "Two": "y"} {
		if got := d[heading]; len(got) != 1 || got[0] != want {
			t.Errorf("%q has %q, want %q alone", heading, got, want)
		}
	}
}
