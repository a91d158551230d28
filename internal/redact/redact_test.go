package redact

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

const secret = "what-somebody-reads"

// exchange asks a server that answers with text, and returns how that failed.
func exchange(t *testing.T, text string) error {
	t.Helper()
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			if _, err := http.ReadRequest(bufio.NewReader(theirs)); err == nil {
				_, _ = io.WriteString(theirs, text)
			}
		}()
		return ours, nil
	}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://wrp.invalid/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// TestAnswerQuotesNothing has answers that net/http quotes, and some that it does not.
func TestAnswerQuotesNothing(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for _, tt := range []struct {
		text   string
		quoted bool // by net/http
		want   error
	}{
		{secret + "\r\n\r\n", true, ErrMalformed},
		{"HTTP/1.1 " + secret + "\r\n\r\n", true, ErrMalformed},
		{"HTTP/" + secret + " 200 OK\r\n\r\n", true, ErrMalformed},
		{ok + secret + "\r\n\r\n", true, ErrMalformed},
		{ok + "Content-Length: " + secret + "\r\n\r\n", true, ErrMalformed},
		{ok + "Content-Length: 1\r\nContent-Length: " + secret + "\r\n\r\n", true, ErrMalformed},
		{ok + "Transfer-Encoding: " + secret + "\r\n\r\n", true, ErrMalformed},
		{ok + "Transfer-Encoding: chunked\r\n\r\n" + secret + "\r\n", false, ErrMalformed},
		{ok + "Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n0\r\n" + secret + "\r\n\r\n", true, ErrMalformed},
		{ok + "Content-Length: 1000\r\n\r\n" + secret, false, io.ErrUnexpectedEOF},
		{ok + "X: " + secret, false, io.ErrUnexpectedEOF},
		{"", false, io.EOF},
	} {
		err := exchange(t, tt.text)
		if err == nil || strings.Contains(err.Error(), secret) != tt.quoted {
			t.Errorf("%q: net/http says %v, want it quoted: %t", tt.text, err, tt.quoted)
			continue
		}
		if got := Answer(err); got != tt.want || Answer(got) != got {
			t.Errorf("%q: %v, and once more %v; want %v", tt.text, got, Answer(got), tt.want)
		}
	}
	if err := Answer(nil); err != nil {
		t.Errorf("Answer(nil) = %v", err)
	}
}

// TestAnswerKeepsWhatIsOurs: what became of the connection tells the operator what to
// mend.
func TestAnswerKeepsWhatIsOurs(t *testing.T) {
	ours := errors.New("the key does not let us through")
	late, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := ln.Addr().String()
	ln.Close()
	for _, tt := range []struct {
		ctx  context.Context
		dial func(context.Context) (net.Conn, error)
		is   error
		says string
	}{
		{t.Context(), func(context.Context) (net.Conn, error) { return nil, ours }, ours, ours.Error()},
		{t.Context(), func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "tcp", nobody) }, nil, "dial tcp " + nobody + ": connect: connection refused"},
		{late, func(ctx context.Context) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }, context.DeadlineExceeded, "context deadline exceeded"},
	} {
		req, err := http.NewRequestWithContext(tt.ctx, http.MethodGet, "http://wrp.invalid/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		_, err = (&http.Transport{DialContext: Dialer(tt.dial)}).RoundTrip(req)
		if got := Answer(Answer(err)); got == nil || got.Error() != tt.says || tt.is != nil && !errors.Is(got, tt.is) {
			t.Errorf("%v became %v, want %q", err, got, tt.says)
		}
	}
}

func TestMethodIsOneOfHTTPs(t *testing.T) {
	for method, want := range map[string]string{"GET": "GET", "CONNECT": "CONNECT", "get": "other", secret: "other", "": "other"} {
		if got := Method(&http.Request{Method: method}); got != want {
			t.Errorf("Method of %q = %q, want %q", method, got, want)
		}
	}
}
