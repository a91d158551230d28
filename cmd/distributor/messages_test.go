package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"wrpdistributor/internal/hostguard"
)

// tellers are the packages whose words users see.
var tellers = []string{"httpapi", "gateway", "portal", "operator", "session", "auth", "target"}

// A sources is what stands in the code of packages: its strings, and the names of problems.
type sources struct {
	texts    []string
	problems []string
}

// parseSources reads packages, without their tests.
func parseSources(t *testing.T, packages ...string) *sources {
	t.Helper()
	s := &sources{}
	for _, pkg := range packages {
		files, err := filepath.Glob(filepath.Join("../../internal", pkg, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no sources of %s: %v", pkg, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool { s.look(n); return true })
		}
	}
	return s
}

// look notes a string, also as the sentence that is made of an error, and a problem's name,
// which stands beside a status, an error or in a return.
func (s *sources) look(n ast.Node) {
	switch n := n.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING && text != "" {
			s.texts = append(s.texts, text, strings.ToUpper(text[:1])+text[1:]+".")
		}
	case *ast.CompositeLit:
		if len(n.Elts) == 3 {
			s.problem(n.Elts[1])
		}
	case *ast.CallExpr:
		name, at := calledName(n), map[string]int{"newProblem": 1, "WriteProblem": 2}
		if i, makes := at[name]; makes {
			s.problem(n.Args[i])
		}
	case *ast.ReturnStmt:
		if len(n.Results) == 2 {
			s.problem(n.Results[0])
		}
	}
}

func calledName(call *ast.CallExpr) string {
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		return fun.Name
	case *ast.SelectorExpr:
		return fun.Sel.Name
	}
	return ""
}

var problemName = regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)

func (s *sources) problem(e ast.Expr) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return
	}
	if name, err := strconv.Unquote(lit.Value); err == nil && problemName.MatchString(name) {
		s.problems = append(s.problems, name)
	}
}

// says reports whether a text of the code has all parts of a message between its "...", and
// in this order.
func (s *sources) says(message string) bool {
	parts := strings.Split(message, "...")
	return slices.ContainsFunc(s.texts, func(text string) bool {
		for _, part := range parts {
			_, after, found := strings.Cut(text, strings.TrimSpace(part))
			if !found {
				return false
			}
			text = after
		}
		return true
	})
}

// readDoc returns the part of a document from a heading to the next of its level.
func readDoc(t *testing.T, file, heading, end string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../docs", file))
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "\n"+heading+"\n")
	if !found {
		t.Fatalf("%s has no %q", file, heading)
	}
	part, _, _ := strings.Cut(after, end)
	return part
}

var quoted = regexp.MustCompile("`([^`]+)`")

// TestMessagesOfTheRunbookExist: whatever a document says that a user is told is in the
// program, and each problem of the JSON API has its line.
func TestMessagesOfTheRunbookExist(t *testing.T) {
	t.Parallel()
	src := parseSources(t, tellers...)
	told := readDoc(t, "operations.md", "## What a user is told", "\n## ")
	lines := 0
	for line := range strings.Lines(told) {
		if !strings.HasPrefix(line, "| `") && !strings.HasPrefix(line, "- to ") {
			continue
		}
		cell := strings.Split(line, " | ")[0]
		for _, m := range quoted.FindAllStringSubmatch(cell, -1) {
			if lines++; !src.says(m[1]) {
				t.Errorf("operations.md says that users are told %q, and nothing tells them so", m[1])
			}
		}
	}
	if lines < 40 {
		t.Errorf("%d messages were found in operations.md, want all", lines)
	}
	for doc, part := range map[string]string{
		"httpapi":  told,
		"operator": told + readDoc(t, "reference.md", "| problem | |", "\n\n"),
	} {
		names := parseSources(t, doc).problems
		if len(names) < 8 {
			t.Errorf("problems of %s: %q, want all", doc, names)
		}
		for _, name := range names {
			if !strings.Contains(part, "`"+name+"`") {
				t.Errorf("the documents have no line for the problem %q of %s", name, doc)
			}
		}
	}
}

// checkTable fails for each message in the first column of a table of the runbook that no
// source has. There are at least so many.
func checkTable(t *testing.T, src *sources, heading, head string, least int) {
	t.Helper()
	_, table, _ := strings.Cut(readDoc(t, "operations.md", heading, "\n### "), head)
	lines := 0
	for line := range strings.Lines(table) {
		for _, m := range quoted.FindAllStringSubmatch(strings.Split(line, " | ")[0], -1) {
			if lines++; !src.says(m[1]) {
				t.Errorf("operations.md says in %q that %q is said, and it is not", heading, m[1])
			}
		}
	}
	if lines < least {
		t.Errorf("%d messages were found in %q, want all", lines, heading)
	}
}

// TestMessagesOfHostsAddExist: those that its own part of the runbook has a line for.
func TestMessagesOfHostsAddExist(t *testing.T) {
	t.Parallel()
	src := parseSources(t, "hostsetup", "service", "../cmd/distributor")
	checkTable(t, src, "### Add a host by one command", "| it says | do |", 12)
}

// TestMessagesOfHostguardExist: those that a host's guard refuses with, or starts with.
func TestMessagesOfHostguardExist(t *testing.T) {
	t.Parallel()
	src := parseSources(t, "hostguard", "../cmd/hostguard")
	for i, text := range src.texts {
		src.texts[i] = strings.ReplaceAll(text, " in %s", " in "+hostguard.ConfigFile)
	}
	checkTable(t, src, "### hostguard", "| the guard says | do |", 13)
}
