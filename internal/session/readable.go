package session

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxAgent  = 1024 // characters of a user agent that are kept for people
	maxReason = 255  // the same of why a host is drained; so many fit
)

// readable returns the beginning of a text as it is stored for people: what every column
// takes, in MySQL's three-byte UTF-8 too, and what does nothing to a terminal.
func readable(text string, most int) string {
	var b strings.Builder
	for _, c := range text {
		if most--; most < 0 {
			break
		}
		if c > 0xffff || !unicode.IsPrint(c) {
			c = utf8.RuneError
		}
		b.WriteRune(c)
	}
	return b.String()
}
