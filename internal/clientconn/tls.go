package clientconn

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
)

// A tlsConn is a connection over TLS. net/http takes it for none, since close_notify
// would look there as if the client had left; so the handshake is made here.
type tlsConn struct {
	*Conn
	tls       *tls.Conn
	handshake func() error // does it once
}

// notOverTLS answers a request that did not come over TLS.
const notOverTLS = "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 34\r\n\r\nThis port speaks HTTPS, not HTTP.\n"

func newTLSConn(c *Conn, config *tls.Config) *tlsConn {
	over := tls.Server(c.link, config)
	c.Conn = over
	t := &tlsConn{Conn: c, tls: over}
	t.handshake = sync.OnceValue(t.shakeHands)
	return t
}

func (c *tlsConn) shakeHands() error {
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTimeout)
	defer cancel()
	err := c.tls.HandshakeContext(ctx)
	if err == nil {
		return nil
	}
	if plain, ok := errors.AsType[tls.RecordHeaderError](err); ok && plain.Conn != nil && isHTTP(plain.RecordHeader) {
		_, _ = io.WriteString(plain.Conn, notOverTLS) // it is about to be closed
	}
	// An error of this kind is one that net/http does not answer.
	return &net.OpError{Op: "read", Net: "tls", Err: err}
}

// isHTTP reports whether the first bytes of a connection are those of a request.
func isHTTP(begin [5]byte) bool {
	return slices.Contains([]string{"GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "GET h", "DELET"}, string(begin[:]))
}

// Read implements [net.Conn].
func (c *tlsConn) Read(b []byte) (int, error) {
	if err := c.handshake(); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

// ConnectionState is what net/http puts into requests. It asks before it reads.
func (c *tlsConn) ConnectionState() tls.ConnectionState {
	_ = c.handshake() // the first read says what came of it
	return c.tls.ConnectionState()
}
