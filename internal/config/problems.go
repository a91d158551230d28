package config

import (
	"fmt"
	"strings"
	"unicode"
)

// Problems is all that is wrong with a configuration. It is an error.
type Problems []Problem

// Error has one line for each problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// A Problem is one thing that is wrong with one variable, or with the file of
// variables.
type Problem struct {
	Variable string // its name, or the name of the file
	Value    string // what it says; empty if it says nothing, or nothing that may be shown
	Want     string // what is the matter, and what would be right
}

// String is one line, whatever the value is made of.
func (p Problem) String() string {
	if p.Value == "" {
		return fmt.Sprintf("%s: %s", p.Variable, p.Want)
	}
	return fmt.Sprintf("%s=%q: %s", p.Variable, p.Value, p.Want)
}

// A parser turns strings into values and collects what is wrong with them. Its
// methods return something harmless for a bad value, so that the others can be
// looked at too.
type parser struct {
	problems Problems
	added    string // a line of a host besides those that are configured; empty: none
}

// wrong notes a problem. The value of a secret is given as "".
func (p *parser) wrong(variable, value, want string, args ...any) {
	want = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?' // a file name may have line ends and worse
		}
		return r
	}, fmt.Sprintf(want, args...))
	p.problems = append(p.problems, Problem{variable, value, want})
}
