package scripts_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
)

// A block is what an operator is to type at one go, as a document shows it.
type block struct {
	heading string // under which it stands; before the first one of a section ""
	text    string
}

// A document has, by heading, what an operator is to type: its blocks of sh.
type document map[string][]string

// readDocument reads one of docs.
func readDocument(t *testing.T, name string) document {
	t.Helper()
	return byHeading(readBlocks(t, name))
}

// readBlocks reads one of docs, for whoever types all of it in order.
func readBlocks(t *testing.T, name string) []block {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(hoststest.Root(t), "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return parseBlocks(string(text))
}

func byHeading(blocks []block) document {
	d := make(document)
	for _, b := range blocks {
		d[b.heading] = append(d[b.heading], b.text)
	}
	return d
}

func parseBlocks(text string) (blocks []block) {
	heading, fence, indent := "", "", ""
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		words := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(words, "```") && fence == "":
			fence, lines = words, nil
			indent, _, _ = strings.Cut(line, "```")
		case words == "```":
			if fence == "```sh" {
				blocks = append(blocks, block{heading, strings.Join(lines, "\n")})
			}
			fence = ""
		case fence != "":
			lines = append(lines, strings.TrimPrefix(line, indent))
		case strings.HasPrefix(line, "##"):
			heading = strings.TrimLeft(line, "# ")
		}
	}
	return blocks
}

func TestDocumentIsReadByHeading(t *testing.T) {
	d := byHeading(parseBlocks("# Title\n\n```sh\nA=1\n```\n\n## One\n\n1. Do:\n\n   ```sh\n   cd x\n   # not a heading\n   ```\n\n```nginx\nno\n```\n\n### Two\n```\nno\n```\n```sh\n  y\n```\n"))
	for heading, want := range map[string]string{"": "A=1", "One": "cd x\n# not a heading", "Two": "  y"} {
		if got := d[heading]; len(got) != 1 || got[0] != want {
			t.Errorf("%q has %q, want %q alone", heading, got, want)
		}
	}
}
