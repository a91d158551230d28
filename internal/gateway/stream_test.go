package gateway_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/session"
)

// TestDownloadArrivesUnchanged: over the way with chunks and the one without.
func TestDownloadArrivesUnchanged(t *testing.T) {
	t.Parallel()
	const size = 4 << 20
	b := newBench(t, databasetest.New(t), options{})
	s := allocate(t, b.Kit, amiga)
	want := sha256.New()
	block := make([]byte, 64<<10)
	for i := range block {
		block[i] = byte(i * 31)
	}
	for range size / len(block) {
		want.Write(block)
	}
	for _, version := range []string{"1.0", "1.1"} {
		_, r := b.raw(t, fmt.Sprintf("GET /img/big?bytes=%d HTTP/%s\r\nHost: x\r\nBearer: %s\r\n\r\n", size, version, s.Token))
		resp, err := http.ReadResponse(r, nil)
		must(t, err)
		got := sha256.New()
		n, err := io.Copy(got, resp.Body)
		if err != nil || n != size || !bytes.Equal(got.Sum(nil), want.Sum(nil)) || resp.ContentLength != size {
			t.Errorf("HTTP/%s: %d bytes of %d (%d announced), %v; the same: %t", version, n, size, resp.ContentLength, err, bytes.Equal(got.Sum(nil), want.Sum(nil)))
		}
	}
}

// TestBodiesAreNotHeldBack: each piece of either arrives before the next is sent.
func TestBodiesAreNotHeldBack(t *testing.T) {
	t.Parallel()
	b, s := newUpstream(t, options{}, func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		_ = rc.EnableFullDuplex()
		buf := make([]byte, 100)
		for {
			n, err := r.Body.Read(buf)
			_, _ = w.Write(bytes.ToUpper(buf[:n]))
			_ = rc.Flush()
			if err != nil {
				return
			}
		}
	})
	pr, pw := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), "POST", b.url+"/", pr)
	must(t, err)
	req.Header.Set("Bearer", s.Token)
	go pw.Write([]byte("begin "))
	resp, err := http.DefaultTransport.RoundTrip(req)
	must(t, err)
	defer resp.Body.Close()
	buf := make([]byte, 100)
	for _, word := range []string{"begin ", "more ", "end"} {
		if word != "begin " {
			_, err := pw.Write([]byte(word))
			must(t, err)
		}
		n, err := io.ReadFull(resp.Body, buf[:len(word)])
		if err != nil || string(buf[:n]) != strings.ToUpper(word) {
			t.Fatalf("after %q came %q, %v", word, buf[:n], err)
		}
	}
	must(t, pw.Close())
	if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) > 0 {
		t.Errorf("at the end came %q, %v", rest, err)
	}
}

// TestConnectionOutlivesEachAnswer: whatever method and status, the next request on
// the same connection is understood.
func TestConnectionOutlivesEachAnswer(t *testing.T) {
	t.Parallel()
	b, s := newUpstream(t, options{}, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/304":
			w.Header().Set("ETag", `"x"`)
			w.WriteHeader(http.StatusNotModified)
		case "/204":
			w.WriteHeader(http.StatusNoContent)
		case "/302":
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		case "/chunks":
			_, _ = io.WriteString(w, "one ")
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, "two")
		case "/close":
			w.Header().Set("Connection", "close")
			_, _ = io.WriteString(w, "bye")
		default:
			body, _ := io.ReadAll(r.Body)
			_, _ = fmt.Fprintf(w, "%s %s %d %v", r.Method, body, r.ContentLength, r.TransferEncoding)
		}
	})
	for _, keep := range []string{"HTTP/1.1\r\nHost: x\r\n", "HTTP/1.0\r\nConnection: keep-alive\r\n"} {
		nc, r := b.raw(t, "")
		for _, tt := range []struct {
			method, path, body string
			code               int
			want               string
		}{
			{"GET", "/", "", 200, "GET  0 []"},
			{"HEAD", "/", "", 200, ""},
			{"POST", "/", "a=b", 200, "POST a=b 3 []"},
			{"PUT", "/", "x", 200, "PUT x 1 []"},
			{"GET", "/304", "", 304, ""},
			{"GET", "/204", "", 204, ""},
			{"GET", "/302", "", 302, "<a href=\"/elsewhere\">Found</a>.\n\n"},
			{"GET", "/close", "", 200, "bye"},
			{"HEAD", "/shutdown/", "", 403, ""},
			{"GET", "/", "", 200, "GET  0 []"},
			{"GET", "/chunks", "", 200, "one two"},
		} {
			what := fmt.Sprintf("%s %s %.8s", tt.method, tt.path, keep)
			fmt.Fprintf(nc, "%s %s %sBearer: %s\r\nContent-Length: %d\r\n\r\n%s", tt.method, tt.path, keep, s.Token, len(tt.body), tt.body)
			resp, err := http.ReadResponse(r, &http.Request{Method: tt.method})
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != tt.code || string(body) != tt.want {
				t.Errorf("%s = %d %q, %v; want %d %q", what, resp.StatusCode, body, err, tt.code, tt.want)
			}
			if strings.Contains(keep, "1.0") && len(resp.TransferEncoding) > 0 {
				t.Errorf("%s: answered in chunks", what)
			}
			if tt.method == "HEAD" && tt.code == 200 && resp.ContentLength != 10 {
				t.Errorf("%s: Content-Length %d, want that of a GET", what, resp.ContentLength)
			}
		}
	}
	_, r := b.raw(t, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\nBearer: "+s.Token+"\r\n\r\n")
	if line, err := r.ReadString('\n'); err != nil || !strings.Contains(line, " 100 ") {
		t.Errorf("who asks first is told %q, %v", line, err)
	}
}

// TestRequestEndsWithItsClient: nothing goes on for a client that left, and that is
// no failure of the container.
func TestRequestEndsWithItsClient(t *testing.T) {
	t.Parallel()
	ended, begun := make(chan string, 3), make(chan string, 3)
	b, s := newUpstream(t, options{}, func(w http.ResponseWriter, r *http.Request) {
		begun <- r.URL.Path
		if r.URL.Path == "/half" {
			_ = http.NewResponseController(w).Flush()
		}
		if r.Method == "POST" {
			_, _ = io.Copy(io.Discard, r.Body)
		}
		<-r.Context().Done()
		ended <- r.URL.Path
	})
	for i, request := range []string{"GET /page HTTP/1.1\r\n", "GET /half HTTP/1.1\r\n", "POST /upload HTTP/1.1\r\nContent-Length: 5\r\n"} {
		nc, _ := b.raw(t, request+"Host: x\r\nBearer: "+s.Token+"\r\n\r\n")
		<-begun
		must(t, nc.(*net.TCPConn).SetLinger(0)) // a reset: it may wait for its answer else
		nc.Close()
		<-ended
		eventually(t, request+"logged", func() bool { return b.log.count("status=499") == i+1 })
	}
	if b.log.count("status=50") > 0 {
		t.Error("the log blames the container")
	}
	if got := state(t, b.Kit, s.ID); got != "running frozen=false" {
		t.Errorf("the session is %q", got)
	}
}

// TestAnswerBeforeTheBodyIsPassedOn: a container that refuses a body is heard, and
// the client is not waited for.
func TestAnswerBeforeTheBodyIsPassedOn(t *testing.T) {
	t.Parallel()
	b, s := newUpstream(t, options{}, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
	})
	_, r := b.raw(t, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nBearer: "+s.Token+"\r\n\r\nbegin")
	resp, err := http.ReadResponse(r, nil)
	must(t, err)
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 413 || string(body) != "too large\n" {
		t.Errorf("answer = %d %q, %v", resp.StatusCode, body, err)
	}
	if _, err := r.ReadByte(); err == nil {
		t.Error("the connection goes on, with an unread body")
	}
}

// TestRefusedBodyIsNotWaitedFor: a client without a token cannot hold a connection
// with a body that does not come.
func TestRefusedBodyIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	b := newBench(t, databasetest.New(t), options{})
	_, r := b.raw(t, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nbegin")
	resp, err := http.ReadResponse(r, nil)
	must(t, err)
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 401 {
		t.Errorf("answer = %d, %v; want 401", resp.StatusCode, err)
	}
	if _, err := r.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("after the answer: %v, want the end of the connection", err)
	}
}

// TestSessionsDoNotMix: many requests of several at once each get their answer from
// their own container.
func TestSessionsDoNotMix(t *testing.T) {
	t.Parallel()
	b := newBench(t, databasetest.New(t), options{})
	other := session.Client{IP: "192.0.2.2", UserAgent: "x"}
	sessions := []*session.Session{allocate(t, b.Kit, amiga), allocate(t, b.Kit, other)}
	errs := make(chan error)
	for i := range 40 {
		go func() {
			s := sessions[i%2]
			var err error
			for range 6 {
				var a answer
				a, err = try(t, "GET", b.url+"/img/big?bytes=50000", "Bearer: "+s.Token)
				if err == nil && (a.StatusCode != 200 || len(a.body) != 50000 || !strings.HasPrefix(s.ContainerID, a.Header.Get("X-Standin"))) {
					err = fmt.Errorf("session %d is answered %d by %q, %d bytes", s.ID, a.StatusCode, a.Header.Get("X-Standin"), len(a.body))
				}
				if err != nil {
					break
				}
			}
			errs <- err
		}()
	}
	for range 40 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	// Of 240 answers; a dial that came too late for its request waits for the next one.
	eventually(t, "no more channels than are kept", func() bool { return b.Hosts[0].OpenChannels() <= 2*64+8 })
}

// TestHalfClosedClientIsAnswered: one that says that it will say no more may wait for
// its answer. (That it does for as long as it takes is for package clientconn to show.)
func TestHalfClosedClientIsAnswered(t *testing.T) {
	t.Parallel()
	b, s := newUpstream(t, options{}, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %v", r.Method, body, err)
	})
	for i, tt := range []struct{ request, body string }{
		{"GET / HTTP/1.0\r\n", ""},
		{"GET / HTTP/1.1\r\nHost: x\r\n", ""},
		{"HEAD / HTTP/1.0\r\n", ""},
		{"POST / HTTP/1.0\r\nContent-Length: 3\r\n", "a=b"},
	} {
		method, _, _ := strings.Cut(tt.request, " ")
		nc, r := b.raw(t, tt.request+"Bearer: "+s.Token+"\r\n\r\n"+tt.body)
		must(t, nc.(*net.TCPConn).CloseWrite())
		resp, err := http.ReadResponse(r, &http.Request{Method: method})
		must(t, err)
		text, err := io.ReadAll(resp.Body)
		want := fmt.Sprintf("%s %s <nil>", method, tt.body)
		if method == "HEAD" {
			want = ""
		}
		if resp.StatusCode != 200 || string(text) != want || err != nil {
			t.Errorf("%q and the end is answered %d %q, %v; want %q", tt.request, resp.StatusCode, text, err, want)
		}
		eventually(t, "logged", func() bool { return b.log.count("status=200") == i+1 })
	}
}

// TestRequestOfWhoLeftIsUse: a request that was read counts, though its client left at
// once; of a session that this gateway does not know yet too.
func TestRequestOfWhoLeftIsUse(t *testing.T) {
	simulate(t, gateway.Config{}, echo, func(t *testing.T, s *simulation) {
		const other = "1234567890123456789012345678901234567890"
		s.sessions.put(session.Session{ID: 2, State: session.Running, Host: "host0", Port: 9091, Gateway: true, Token: other})
		for i, token := range []string{s.token, other} {
			left, leave := context.WithCancel(t.Context())
			leave()
			req := httptest.NewRequestWithContext(left, http.MethodHead, "/", http.NoBody)
			req.Header.Set("Bearer", token)
			func() {
				defer func() { _ = recover() }() // that the answer is not written
				s.gw.ServeHTTP(httptest.NewRecorder(), req)
			}()
			if got := len(s.sessions.written()); got != i+1 {
				t.Errorf("after the request with token %.3s… %d uses are written down, want %d", token, got, i+1)
			}
		}
	})
}
