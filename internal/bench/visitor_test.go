package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// A visitor is a client on one kept connection. It reads as little as it can, so
// that what is left of the machine is for those who are measured.
type visitor struct {
	conn net.Conn
	in   *bufio.Reader
}

func newVisitor(ctx context.Context, addr string) (*visitor, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &visitor{conn, bufio.NewReader(conn)}, nil
}

func (v *visitor) close() { v.conn.Close() }

// request is one without a body, as it is sent.
func request(method, token, agent string) []byte {
	return []byte(method + " / HTTP/1.1\r\nHost: bench\r\nBearer: " + token + "\r\nUser-Agent: " + agent + "\r\n\r\n")
}

// do sends a request, and returns the answer's status and, if it has one, its body.
func (v *visitor) do(req []byte) (code int, body []byte, err error) {
	if _, err = v.conn.Write(req); err != nil {
		return 0, nil, err
	}
	code, length, err := v.head()
	if err != nil || length == 0 || strings.HasPrefix(string(req), "HEAD ") {
		return code, nil, err
	}
	body = make([]byte, length)
	_, err = io.ReadFull(v.in, body)
	return code, body, err
}

// head reads an answer up to its body.
func (v *visitor) head() (code, length int, err error) {
	for first := true; ; first = false {
		line, err := v.in.ReadSlice('\n')
		if err != nil {
			return 0, 0, err
		}
		text := strings.TrimSpace(string(line))
		switch name, value, _ := strings.Cut(text, ": "); {
		case first:
			if _, err := fmt.Sscanf(text, "HTTP/1.1 %d", &code); err != nil {
				return 0, 0, fmt.Errorf("answer %q: %w", text, err)
			}
		case text == "":
			return code, length, nil
		case name == "Content-Length":
			length, err = strconv.Atoi(value)
		case name == "Transfer-Encoding":
			err = fmt.Errorf("an answer of unknown length")
		}
		if err != nil {
			return 0, 0, err
		}
	}
}
