package gateway_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestLogHasNothingOfAnswers: a container that answers what is no HTTP gets its client
// a sentence, and the log that it was malformed, but none of its bytes. Nor does it
// bring net/http to panic.
func TestLogHasNothingOfAnswers(t *testing.T) {
	t.Parallel()
	const secret, ok = "what-somebody-reads", "HTTP/1.1 200 OK\r\n"
	const malformed = `err="container did not answer: malformed answer"`
	answers := []struct {
		text   string
		code   int // 0: the client's connection is cut
		logged string
	}{
		{secret + "\r\n\r\n", 502, malformed},
		{"HTTP/1.1 " + secret + "\r\n\r\n", 502, malformed},
		{ok + secret + "\r\n\r\n", 502, malformed},
		{ok + "Content-Length: " + secret + "\r\n\r\n", 502, malformed},
		{"HTTP/1.1 204 No Content\r\nContent-Length: " + secret + "\r\n\r\n", 502, malformed},
		{"HTTP/1.1 304 Not Modified\r\nContent-Length: 1\r\nContent-Length: " + secret + "\r\n\r\n", 502, malformed},
		{ok + "Transfer-Encoding: " + secret + "\r\n\r\n", 502, malformed},
		{"HTTP/1.1 103 Early\r\n" + secret + "\r\n\r\n", 502, malformed},
		{"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + secret + "\r\n\r\n", 502, malformed},
		{"HTTP/1.1 000 " + secret + "\r\n\r\n", 502, malformed},
		{"HTTP/1.1 099 " + secret + "\r\nContent-Length: 0\r\n\r\n", 502, malformed},
		{ok + "X: " + strings.Repeat(secret, 1<<20) + "\r\n\r\n", 502, malformed},
		{ok + "X: " + secret, 502, "container did not answer: unexpected EOF"},
		{ok + "Transfer-Encoding: chunked\r\n\r\n" + secret + "\r\n", 0, "container did not answer"},
		{ok + "Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n0\r\n" + secret + "\r\n\r\n", 0, "container did not answer"},
		{"HTTP/1.1 999 " + secret + "\r\nContent-Length: 0\r\n\r\n", 999, "status=999"},
	}
	b, s := newUpstream(t, options{}, func(w http.ResponseWriter, r *http.Request) {
		i, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		must(t, err)
		nc, _, err := http.NewResponseController(w).Hijack()
		must(t, err)
		defer nc.Close()
		must(t, nc.SetDeadline(time.Now().Add(time.Minute)))
		_, _ = io.WriteString(nc, answers[i].text) // the gateway may hang up before it has all
	})
	for i, tt := range answers {
		before := b.log.count(tt.logged)
		a, err := try(t, "GET", b.url+"/"+strconv.Itoa(i), "Bearer: "+s.Token)
		switch {
		case tt.code == 0 && err == nil:
			t.Errorf("%.80q: the client takes its answer for complete", tt.text)
		case tt.code != 0 && (err != nil || a.StatusCode != tt.code || strings.Contains(a.body, secret)):
			t.Errorf("%.80q: the client gets %+v %q, %v; want %d", tt.text, a.Response, a.body, err, tt.code)
		}
		eventually(t, tt.logged, func() bool { return b.log.count(tt.logged) > before })
	}
	if b.log.count(secret) > 0 || b.log.count("panic") > 0 {
		t.Error("the log has bytes of an answer, or a panic")
	}
}
