package config

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// blanks are the characters that may stand around names and values. The last two
// come along when a line is copied from a page or a word processor.
const blanks = " \t\v\f\r\u0085\u00a0"

// parseDotenv reads the variables of a .env file:
//
//	# a comment
//	NAME=a value, without the spaces around it # a comment
//	export NAME='a value that is kept as it is, over several lines if need be'
//	NAME="the same, but with \n, \r, \" and \\"
//
// A $ stands for itself, as for the PHP program's library. Only ${NAME} is the
// value that NAME has further up, or nothing; not so between single quotes, and
// not after a backslash.
//
// Lines that are nothing of that, or whose quote is not closed, are left out, and
// their numbers returned: nothing more can be said of them, as any of it may be
// secret.
func parseDotenv(text string) (vars map[string]string, bad []int) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	vars = map[string]string{}
	for rest := skipBlank(text); rest != ""; rest = skipBlank(rest) {
		name, after, named := cutName(rest)
		value, after, closed := cutValue(after, vars)
		if !named || !closed {
			bad = append(bad, 1+strings.Count(text[:len(text)-len(rest)], "\n"))
			_, rest, _ = strings.Cut(rest, "\n")
			continue
		}
		vars[name], rest = value, after
	}
	return vars, bad
}

// skipBlank returns text from its first statement on.
func skipBlank(text string) string {
	for {
		text = strings.TrimLeftFunc(text, unicode.IsSpace)
		if !strings.HasPrefix(text, "#") {
			return text
		}
		_, text, _ = strings.Cut(text, "\n")
	}
}

// cutName cuts text after the separator of name and value. Some write a colon.
func cutName(text string) (name, rest string, ok bool) {
	end := strings.IndexAny(text, "=:\n")
	if end < 0 || text[end] == '\n' {
		return "", "", false
	}
	name = strings.Trim(text[:end], blanks)
	if words := strings.Fields(name); len(words) == 2 && words[0] == "export" {
		name = words[1]
	}
	const allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_." + blanks
	return name, text[end+1:], strings.Trim(name, allowed) == ""
}

// cutValue cuts text after the value that it begins with. It is not ok if a quote
// is not closed.
func cutValue(text string, vars map[string]string) (value, rest string, ok bool) {
	text = strings.TrimLeft(text, blanks)
	if quoted, ok := strings.CutPrefix(text, `'`); ok {
		return cutQuoted(quoted, '\'')
	}
	if quoted, ok := strings.CutPrefix(text, `"`); ok {
		value, rest, ok = cutQuoted(quoted, '"')
		return expand(unescape(value), vars), rest, ok
	}
	end := strings.IndexAny(text, "\n\r")
	if end < 0 {
		end = len(text)
	}
	return expand(strings.TrimSpace(withoutComment(text[:end])), vars), text[end:], true
}

// cutQuoted cuts text at the next quote that has no backslash before it.
func cutQuoted(text string, quote byte) (value, rest string, ok bool) {
	for i := range len(text) {
		if text[i] == quote && (i == 0 || text[i-1] != '\\') {
			return text[:i], text[i+1:], true
		}
	}
	return "", "", false
}

// withoutComment cuts a line at its last # that follows a space. What begins with
// a # is a value.
func withoutComment(line string) string {
	for i := len(line) - 1; i > 0; i-- {
		before, _ := utf8.DecodeLastRuneInString(line[:i])
		if line[i] == '#' && strings.ContainsRune(blanks, before) {
			return line[:i]
		}
	}
	return line
}

// unescape replaces backslashes and what follows them, less those that keep ${ from
// being expanded.
func unescape(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '\\' && i+1 < len(text) && !strings.HasPrefix(text[i+1:], "${") {
			i++
			c = text[i]
			switch c {
			case 'n':
				c = '\n'
			case 'r':
				c = '\r'
			}
		}
		b.WriteByte(c)
	}
	return b.String()
}

func expand(text string, vars map[string]string) string {
	const escaped = `\${`
	return regexp.MustCompile(`\\\$\{|\$\{[A-Z0-9_]+\}`).ReplaceAllStringFunc(text, func(found string) string {
		if found == escaped {
			return "${"
		}
		return vars[found[len("${"):len(found)-len("}")]]
	})
}
