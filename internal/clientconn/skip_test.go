package clientconn_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestLineEndsBeforeRequestsAreSkipped: wherever what the client sends is cut. What
// belongs to a body stays in it, and a server that is sent too many refuses them.
func TestLineEndsBeforeRequestsAreSkipped(t *testing.T) {
	const (
		put = "PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nssl=1"
		got = "GET /b HTTP/1.1\r\nHost: x\r\n\r\n"
	)
	each(t, func(t *testing.T, config *tls.Config) {
		b := serve(t, config, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %s %q", r.Method, r.URL.Path, body)
		})
		step := 2
		if config != nil {
			step = 29 // handshakes take long
		}
		for _, tt := range []struct {
			sent string
			want []string
		}{
			{put + "\r\n" + got, []string{`PUT /a "ssl=1"`, `GET /b ""`}},
			{put + "\n" + put + "\r\n\r\n" + got, []string{`PUT /a "ssl=1"`, `PUT /a "ssl=1"`, `GET /b ""`}},
			{put + got + "\r\n" + put, []string{`PUT /a "ssl=1"`, `GET /b ""`, `PUT /a "ssl=1"`}},
			{"\r\n" + got, []string{`GET /b ""`}},
			{put + "\r\n\r\n\r\n" + got, []string{`PUT /a "ssl=1"`, "400"}},
			{"\r\n\r\n\r\n" + got, []string{"400"}},
			{"PUT /c HTTP/1.1\nHost: x\ncontent-length:\t 6 \n\n\r\nx\n\r\n\r\n" + got, []string{`PUT /c "\r\nx\n\r\n"`, `GET /b ""`}},
			{"PUT /c HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n\r\n\r\n" + got, []string{`PUT /c "\r\n"`, `GET /b ""`}},
			{"PUT /c HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("Content-Length: 1 ", 20) + "\r\nContent-Length: 3\r\n\r\nx\r\n\r\n" + got, []string{`PUT /c "x\r\n"`, `GET /b ""`}},
			// Where these end is not followed: what comes after is as it was.
			{"PUT /d HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n\r\n\r\n\r\n0\r\n\r\n" + got, []string{`PUT /d "\r\n\r\n"`, `GET /b ""`}},
			{"PUT /d HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n 4\r\n\r\n\r\n\r\n" + got, []string{`PUT /d "\r\n\r\n"`, `GET /b ""`}},
			{"PUT /d HTTP/1.1\r\nHost: x\r\nContent-Length: " + strings.Repeat(" ", 200) + "4\r\n\r\n\r\n\r\n" + got, []string{`PUT /d "\r\n\r\n"`, `GET /b ""`}},
			{"PUT /d HTTP/1.1\r\nHost: x\r\nContent-Length: " + strings.Repeat("0", 200) + "4\r\n\r\n\r\n\r\n" + got, []string{`PUT /d "\r\n\r\n"`, `GET /b ""`}},
		} {
			for cut := 1; cut < len(tt.sent); cut += step {
				c := b.say(t, tt.sent[:cut])
				go func() { _, _ = io.WriteString(c.over, tt.sent[cut:]) }() // it may be refused before its end
				for _, want := range tt.want {
					got := "400"
					if code, body := c.answer(); code != 400 {
						got = body
					}
					if got != want {
						t.Errorf("%q, cut at %d: %s, want %s", tt.sent, cut, got, want)
						break
					}
				}
				c.Close()
			}
		}
	})
}
