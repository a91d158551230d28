package hosts_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
)

// TestNothingThatAContainerAnswersIsQuoted: neither in errors nor in the log, when it is
// waited for, probed, or draws its first page.
func TestNothingThatAContainerAnswersIsQuoted(t *testing.T) {
	const secret = "what-somebody-reads"
	list := servicetest.StartHosts(t, 1, pretend.Config{})
	p, log := newPool(t, list, nil)
	s := start(t, p, spec(1, 9090))
	for _, tt := range []struct{ text, want string }{
		{secret + "\r\n\r\n", "malformed answer"},
		{"HTTP/1.1 200 OK\r\n" + secret + "\r\n\r\n", "malformed answer"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n0\r\n" + secret + "\r\n\r\n", "malformed answer"},
		{"HTTP/1.1 500 " + secret + "\r\nContent-Length: 0\r\n\r\n", "WRP answers 500"},
		{"HTTP/1.1 302 " + secret + "\r\nLocation: http://" + secret + "/\r\nContent-Length: 0\r\n\r\n", "WRP answers 302"},
		{"", "EOF"},
	} {
		s.Port = answering(t, list[0].Addr(), tt.text)
		for what, err := range map[string]error{"Probe": p.Probe(t.Context(), s), "WarmUp": p.WarmUp(t.Context(), s)} {
			if err == nil || !strings.HasSuffix(err.Error(), tt.want) {
				t.Errorf("%s of what answers %q = %v, want %s", what, tt.text, err, tt.want)
			}
		}
		must(t, p.Ready(t.Context(), s)) // it runs, and is handed over
		if log.count("port", fmt.Sprint(s.Port), "err", "") != 1 {
			t.Errorf("waiting for what answers %q is not logged", tt.text)
		}
		secured := s
		secured.TLS = true
		if err := p.Ready(t.Context(), secured); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("Ready over TLS of what answers %q = %v, want an error without it", tt.text, err)
		}
	}
	if log.holds(secret) {
		t.Error("the log quotes a container")
	}
}

// answering returns the port of a WRP that answers every request with text.
func answering(t *testing.T, address, text string) int {
	t.Helper()
	ln, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	must(t, err)
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer nc.Close()
				if _, err := http.ReadRequest(bufio.NewReader(nc)); err == nil || text != "" {
					_, _ = io.WriteString(nc, text)
				}
			}()
		}
	}()
	return ln.Addr().(*net.TCPAddr).Port
}

// holds reports whether any line has a text in it.
func (l *logRecorder) holds(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(fmt.Sprint(l.lines), text)
}
