package config

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// A Secret is a string that no formatter shows. string(s) is the real one.
type Secret string

// String returns three asterisks, or nothing if the secret is empty.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// Format hides the secret from every verb of package fmt, wrong ones included.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText hides the secret from JSON and from log/slog.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// secret returns a variable's value, or the content of the file that its
// companion name_FILE names. It reports false if there was a problem.
func (p *parser) secret(name, value, file string) (string, bool) {
	if file == "" {
		return value, true
	}
	name += "_FILE"
	if value != "" {
		p.wrong(name, file, "is set, and so is %s; want only one of them", strings.TrimSuffix(name, "_FILE"))
		return "", false
	}
	content, err := readText(credential(file))
	if err != nil {
		p.wrong(name, file, "want a readable file: %v", err)
		return "", false
	}
	// Editors and echo end the last line; that is not part of the secret.
	value = strings.TrimSuffix(strings.TrimSuffix(content, "\n"), "\r")
	if strings.TrimSpace(value) == "" {
		p.wrong(name, file, "the file is empty")
		return "", false
	}
	return value, true
}

// token returns a secret that clients send in a header. Headers are trimmed on
// their way and have no control characters, so another one could never match.
func (p *parser) token(name, value, file string) Secret {
	token, ok := p.secret(name, value, file)
	if !ok {
		return ""
	}
	if token != strings.TrimSpace(token) || strings.ContainsFunc(token, unicode.IsControl) {
		p.wrong(name, "", "want one line of text without spaces at its ends")
	}
	return Secret(token)
}
