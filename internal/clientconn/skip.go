package clientconn

import (
	"bytes"
	"strconv"
	"strings"
)

const (
	maxSkipped = 4   // bytes before one request, as net/http has it after POST
	maxLine    = 128 // bytes of a header line that are looked at
)

// A skipper takes out the line ends that old clients send after a body, beyond its
// length. A server would take them for the beginning of the next request; net/http does
// not after POST alone.
//
// It follows the requests of a connection only so far as to know where each begins. Once
// that is not sure, it lets everything pass. The zero value is ready for the first one.
type skipper struct {
	part    part
	skipped int    // before this request
	left    uint64 // of the body; in the header: how much it says there will be
	sized   bool   // the header has said so
	line    []byte // the beginning of the current one
}

// A part is where in a request a byte is.
type part int

const (
	before part = iota
	header
	body
	anywhere
)

// skip removes line ends that are before requests from what was read, and returns how
// much is left of it.
func (s *skipper) skip(b []byte) int {
	kept := 0
	for i := 0; i < len(b); {
		n := s.next(b[i:])
		if n == 0 {
			i++ // it is skipped
			continue
		}
		if kept < i {
			copy(b[kept:], b[i:i+n])
		}
		kept += n
		i += n
	}
	return kept
}

// next returns how many of some bytes are to be kept; 0: the first is not.
func (s *skipper) next(b []byte) int {
	switch s.part {
	case before:
		if (b[0] == '\r' || b[0] == '\n') && s.skipped < maxSkipped {
			s.skipped++
			return 0
		}
		*s = skipper{part: header, line: s.line[:0]}
		fallthrough
	case header:
		return s.inHeader(b)
	case body:
		n := min(s.left, uint64(len(b)))
		if s.left -= n; s.left == 0 {
			s.part, s.skipped = before, 0
		}
		return int(n)
	}
	return len(b)
}

// inHeader reads up to the end of a line.
func (s *skipper) inHeader(b []byte) int {
	n, ends := len(b), false
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		n, ends = i+1, true
	}
	s.line = append(s.line, b[:min(n, maxLine-len(s.line))]...)
	if ends {
		s.endLine()
	}
	return n
}

// endLine looks at a line of the header. What a server might read otherwise than this
// makes it unsure where the next request begins.
func (s *skipper) endLine() {
	line, whole := strings.CutSuffix(string(s.line), "\n")
	line = strings.TrimSuffix(line, "\r")
	s.line = s.line[:0]
	name, value, _ := strings.Cut(line, ":")
	switch {
	case line == "" && s.left > 0:
		s.part = body
	case line == "":
		s.part, s.skipped = before, 0
	case strings.EqualFold(name, "Transfer-Encoding"):
		s.part = anywhere
	case strings.EqualFold(name, "Content-Length"):
		n, err := strconv.ParseUint(strings.Trim(value, " \t"), 10, 63)
		if err != nil || !whole || s.sized && n != s.left {
			s.part = anywhere
		}
		s.left, s.sized = n, true
	}
}
