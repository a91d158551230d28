package hosts

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode"
)

// What an engine may answer. One whose host somebody has taken over answers whatever
// they like, and the client library would take all of it into memory.
const (
	maxHeader  = 64 << 10
	maxAnswer  = 1 << 20  // bytes
	maxValues  = 20_000   // one takes two bytes there and hundreds in memory
	perListing = 8        // times as much may be said of all containers together
	maxMessage = 64 << 10 // bytes of one message of a stream, which may have no end
	maxLayers  = 1000     // of an image that is pulled; engines take 127
	maxWords   = 4 << 10  // bytes of what is told to people
)

var (
	errTooLong   = errors.New("the Docker engine answers more than one that works does")
	errMalformed = errors.New("the Docker engine answers what makes no sense")
)

// bound returns the body of an answer, of which no more comes than there may be.
func bound(resp *http.Response, body io.ReadCloser) io.ReadCloser {
	times := 1
	switch path := resp.Request.URL.Path; {
	case resp.StatusCode != http.StatusOK: // it says why
	case strings.HasSuffix(path, "/logs"):
		return body // nothing is kept of it but its end
	case strings.HasSuffix(path, "/events"), strings.HasSuffix(path, "/images/create"):
		return newMessages(body)
	case strings.HasSuffix(path, "/containers/json"):
		times = perListing
	}
	return &boundedBody{body, times * maxAnswer, times * maxValues}
}

// A boundedBody ends with [errTooLong] if it is longer than it may be.
type boundedBody struct {
	io.ReadCloser
	bytes  int // that may still come
	values int // the same; each but the first stands behind a comma
}

// Read implements [io.Reader].
func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.bytes -= n
	b.values -= bytes.Count(p[:n], []byte{','})
	if b.bytes < 0 || b.values < 0 {
		return 0, errTooLong
	}
	return n, err
}

// messages is a stream of JSON as engines write it, a value on each line. It comes a
// whole value at a time: so whoever decodes it never waits for the end of one.
type messages struct {
	io.Closer
	lines *bufio.Scanner
	rest  []byte // of the latest line
}

func newMessages(body io.ReadCloser) *messages {
	m := &messages{Closer: body, lines: bufio.NewScanner(body)}
	m.lines.Buffer(make([]byte, 0, connBuffer), maxMessage)
	m.lines.Split(wholeLines)
	return m
}

// Read implements [io.Reader].
func (m *messages) Read(p []byte) (int, error) {
	for len(m.rest) == 0 {
		if !m.lines.Scan() {
			return 0, m.end()
		}
		line := m.lines.Bytes()
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if !json.Valid(line) {
			return 0, errMalformed
		}
		m.rest = line
	}
	n := copy(p, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

// end is why no more lines come.
func (m *messages) end() error {
	switch err := m.lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return errTooLong
	case err != nil:
		return err
	}
	return io.EOF
}

// wholeLines is [bufio.ScanLines] with what ends a line, which keeps two numbers apart.
func wholeLines(data []byte, atEOF bool) (advance int, line []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i+1], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// copyOutput copies what a container wrote, which comes in pieces, each with its length
// before it. The library would make room for a whole piece, of up to 4 GiB, when it has
// read the length.
func copyOutput(to io.Writer, from io.Reader) error {
	for {
		var head [8]byte
		if _, err := io.ReadFull(from, head[:]); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if _, err := io.CopyN(to, from, int64(binary.BigEndian.Uint32(head[4:]))); err != nil {
			return err
		}
	}
}

// checkID returns [errMalformed] if that is no id of a container: 64 hex digits.
func checkID(id string) error {
	if len(id) != 64 || strings.Trim(id, "0123456789abcdef") != "" {
		return fmt.Errorf("%w: a container's id of %d bytes", errMalformed, len(id))
	}
	return nil
}

// inLine returns what a host says fit for a line that people read: without what a terminal
// would act upon, and not without an end.
func inLine(text string) string {
	if len(text) > maxWords {
		text = strings.ToValidUTF8(text[:maxWords], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}
