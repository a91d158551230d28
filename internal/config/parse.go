package config

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/distribution/reference"
	"github.com/docker/go-units"
)

const (
	maxPort       = 65535
	minTimeout    = 100 * time.Millisecond
	minSessionAge = time.Minute
	minStatistics = 24 * time.Hour
	maxRuntimeDir = 85 // operator.MaxFolder

	maxPids = 4 << 20 // what Linux can count on 64 bits

	minMemory = 6 << 20 // the engine refuses less
	maxMemory = 1 << 50
	minCPUs   = 0.01 // the engine refuses less
	maxCPUs   = 10000
)

// number parses a whole number.
func (p *parser) number(name, value string, least, most int) int {
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most {
		p.wrong(name, value, "want a whole number from %d to %d", least, most)
		return 0
	}
	return n
}

// duration parses a time. Less than least is a mistake, such as a wrong unit.
func (p *parser) duration(name, value string, least time.Duration) time.Duration {
	d, err := time.ParseDuration(value)
	switch {
	case err != nil || d <= 0:
		p.wrong(name, value, "want a time with its unit, above zero, such as 10s or 2m")
		return 0
	case d < least:
		p.wrong(name, value, "want at least %s", least)
		return 0
	}
	return d
}

// maxDays is a hundred years.
const maxDays = 36500

// age parses a time that may be one of days, such as 14d.
func (p *parser) age(name, value string, least time.Duration) time.Duration {
	days, isDays := strings.CutSuffix(value, "d")
	if !isDays {
		return p.duration(name, value, least)
	}
	n, err := strconv.Atoi(days)
	if err != nil || n < 1 || n > maxDays {
		p.wrong(name, value, "want a time with its unit, above zero, such as 14d or 12h")
		return 0
	}
	return time.Duration(n) * 24 * time.Hour
}

// choice parses one of a few words, in whatever case.
func (p *parser) choice(name, value string, words ...string) string {
	word := strings.ToLower(value)
	if !slices.Contains(words, word) {
		last := len(words) - 1
		p.wrong(name, value, "want %s or %s", strings.Join(words[:last], ", "), words[last])
		return ""
	}
	return word
}

// runtimeDir parses the folder of a socket, whose whole path may have 107 bytes.
func (p *parser) runtimeDir(name, value string) string {
	if len(value) > maxRuntimeDir {
		p.wrong(name, value, "want a path of at most %d bytes, since it is that of a socket", maxRuntimeDir)
	}
	return value
}

// line parses any text that fits into one line of a log.
func (p *parser) line(name, value string) string {
	if strings.ContainsFunc(value, unicode.IsControl) {
		p.wrong(name, value, "want one line of plain text")
	}
	return value
}

// memory parses a size. Only a plain 0 means no limit: with 0.5 the unit was
// probably forgotten.
func (p *parser) memory(name, value string) int64 {
	if value == "0" {
		return 0
	}
	n, err := units.RAMInBytes(value)
	if err != nil || n < minMemory || n > maxMemory {
		p.wrong(name, value, "want a size with its unit, at least 6m, such as 512m or 1g; 0 for no limit")
		return 0
	}
	return n
}

func (p *parser) cpus(name, value string) float64 {
	if value == "" {
		return 0
	}
	n, err := strconv.ParseFloat(value, 64)
	// Written so that NaN fails too.
	if err != nil || !(n >= minCPUs && n <= maxCPUs) {
		p.wrong(name, value, "want a number of processor cores, at least 0.01, such as 0.5 or 2; empty for no limit")
		return 0
	}
	return n
}

// image parses what "docker run" would take. The engine would refuse anything
// else too, but only when the first client is waiting for its container.
func (p *parser) image(name, value string) string {
	if _, err := reference.ParseAnyReference(value); err != nil {
		p.wrong(name, value, "want the name of an image, such as alb42/amifoxserver:latest")
	}
	return value
}

// words splits a command line at its spaces. Quotes of either kind keep
// together what they enclose; there are no other special characters. The word
// none is the empty command line, as an empty variable means the default.
func (p *parser) words(name, value string) []string {
	if value == "none" {
		return nil
	}
	var words []string
	var word strings.Builder
	var quote rune // 0: outside
	inWord := false
	for _, r := range value {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, inWord = r, true
		case quote == 0 && unicode.IsSpace(r):
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 {
		p.wrong(name, value, "the quote %c is opened and not closed", quote)
	}
	if inWord {
		words = append(words, word.String())
	}
	return words
}
