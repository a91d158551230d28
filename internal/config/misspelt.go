package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/agnivade/levenshtein"
)

const (
	maxTypos    = 2  // in a name that is probably meant to be one of ours
	maxBadLines = 10 // of a file that are named
)

// badLines has a problem for each of the first lines that are no variable.
func badLines(file string, lines []int) Problems {
	var all Problems
	for i, line := range lines {
		if i == maxBadLines {
			return append(all, Problem{Variable: file, Want: fmt.Sprintf("and so are %d more lines", len(lines)-i)})
		}
		want := fmt.Sprintf("line %d is not NAME=value, or its quote is not closed", line)
		all = append(all, Problem{Variable: file, Want: want})
	}
	return all
}

// findMisspelt returns the names that nobody reads, and that look like one that is
// read. In the environment, which others write to as well, they begin as ours do.
func findMisspelt(file string, vars map[string]string, environ []string) Problems {
	known := knownNames()
	var all Problems
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		if meant, ok := nearest(name, known); ok {
			all = append(all, Problem{Variable: name, Want: fmt.Sprintf("stands in %s, and nothing reads it; did you mean %s?", file, meant)})
		}
	}
	for _, entry := range slices.Sorted(slices.Values(environ)) {
		name, _, _ := strings.Cut(entry, "=")
		if meant, ok := nearest(name, known); ok && strings.HasPrefix(name, firstWord(meant)) {
			all = append(all, Problem{Variable: name, Want: fmt.Sprintf("stands in the environment, and nothing reads it; did you mean %s?", meant)})
		}
	}
	return all
}

// nearest returns the one of ours that name probably should be. It is not ok if name
// is one itself, or nothing to print.
func nearest(name string, known []string) (meant string, ok bool) {
	if slices.Contains(known, name) || strings.ContainsFunc(name, unicode.IsControl) {
		return "", false
	}
	least := maxTypos + 1
	for _, k := range known {
		if n := levenshtein.ComputeDistance(strings.ToUpper(name), k); n < least {
			meant, least = k, n
		}
	}
	return meant, meant != ""
}

// firstWord returns a name up to its first underscore, and with that.
func firstWord(name string) string {
	word, _, more := strings.Cut(name, "_")
	if more {
		return word + "_"
	}
	return word
}

// knownNames returns the names of all variables.
func knownNames() []string {
	fields := reflect.TypeFor[variables]()
	names := make([]string, fields.NumField())
	for i := range names {
		names[i] = fields.Field(i).Tag.Get("envconfig")
	}
	return names
}
