package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/proctest"
	"wrpdistributor/internal/service/servicetest"
)

// newTalkativeStack is a distributor that logs all it can, with every listener there is,
// on a pretend host of the test's own. The second address is for TLS.
func newTalkativeStack(t *testing.T) (s *stack, h *pretend.Host, gateway, secure string) {
	t.Helper()
	s = &stack{t: t, Commands: *commands(t)}
	h = servicetest.StartHosts(t, 1, pretend.Config{})[0]
	s.configure(pretend.DefaultImage)
	s.UseHosts(proctest.Host{Name: h.SSHAddr(), User: h.User(), Key: h.ClientKeyPEM(), KnownHosts: h.KnownHostsLine()})
	s.set("LOG_LEVEL", "debug")
	s.set("ADMIN_TOKEN", "operator")
	secure = proctest.FreeAddr(t)
	s.set("GATEWAY_TLS_LISTEN", secure)
	return s, h, s.withGateway(), secure
}

// A request is what is sent over a connection of its own.
type request struct {
	dial func() (net.Conn, error)
	text string
}

// send returns what came back. It may be nothing, if the request was refused before it
// was read to its end.
func (r request) send() (string, error) {
	nc, err := r.dial()
	if err != nil {
		return "", err
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(time.Minute))
	_, _ = io.WriteString(nc, r.text)
	answer, _ := io.ReadAll(nc)
	return string(answer), nil
}

// marked are requests that hold a secret wherever one can be, for a listener. Some of
// them have the token of a session. Every path comes with every header.
func marked(dial func() (net.Conn, error), token, secret string) []request {
	var list []request
	bodies := []string{"", "nonce=" + secret, "ssl=%" + secret + "%zz", `{"ssl":[` + secret + `]}`, secret}
	paths := []string{"/", "/s/" + secret + "/", "/s/" + secret, "/s/", "/" + secret, "/shutdown/" + secret, "/%00" + secret, "a:" + secret, "*", "http://" + secret + ".example/", "http://[" + secret}
	headers := []string{
		"Bearer: " + token, "Bearer: " + secret, "Authorization: Bearer " + secret, "Authorization: Basic " + secret,
		"Cookie: wrp_session=" + secret, "Cookie: wrp_session=" + token, "X-" + secret + ": y", secret,
	}
	for i, path := range paths {
		for j, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "BREW", secret} {
			for k := range 3 {
				who, body := headers[(i+3*j+k)%len(headers)], bodies[(i+j+k)%len(bodies)]
				list = append(list, request{dial, fmt.Sprintf("%s %s?x=%[3]s HTTP/1.1\r\nHost: %[3]s.example\r\nConnection: close\r\nUser-Agent: %[3]s\r\n"+
					"X-Admin-Token: %[3]s\r\nReferer: http://x/%[3]s\r\nX-Forwarded-For: x%[3]s\r\n%s\r\nContent-Length: %d\r\n\r\n%s",
					method, path, secret, who, len(body), body)})
			}
		}
	}
	for _, text := range []string{
		secret + "\r\n\r\n", "GET /" + secret + "\r\n\r\n", "GET / HTTP/" + secret + "\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nBearer: " + token + "\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n0\r\n" + secret + "\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nBearer: " + token + "\r\nTransfer-Encoding: chunked\r\n\r\nx" + secret + "\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nBearer: " + token + "\r\nContent-Length: " + secret + "x\r\n\r\n",
	} {
		list = append(list, request{dial, text})
	}
	return list
}

// TestNoListenerLogsRequests sends secrets in every part of requests, to every listener
// and route, and looks for them in all that the distributor says. The requests are made
// at once, since unknown tokens wait for one look-up a second, which they share.
func TestNoListenerLogsRequests(t *testing.T) {
	s, _, gateway, secure := newTalkativeStack(t)
	s.start()
	_, body := s.do("PUT", "AmiFox", 202)
	session, err := proctest.Answer{Body: body}.Session()
	if err != nil {
		t.Fatal(err)
	}
	const secret = "7777777777777"
	plain := func(address string) func() (net.Conn, error) {
		return func() (net.Conn, error) { return net.Dial("tcp", address) }
	}
	overTLS := func() (net.Conn, error) {
		return tls.Dial("tcp", secure, &tls.Config{InsecureSkipVerify: true, ServerName: "x" + secret + ".example"})
	}
	list := marked(plain(strings.TrimPrefix(s.base, "http://")), authToken, secret)
	list = append(list, marked(plain(gateway), session.Token, secret)...)
	list = append(list, marked(overTLS, session.Token, secret)...)
	list = append(list, request{plain(secure), "GET /" + secret + " HTTP/1.0\r\n\r\n"}, request{plain(secure), "\x16\x03\x01\x00\x05" + secret})
	var clients sync.WaitGroup
	places := make(chan struct{}, 200)
	for _, r := range list {
		places <- struct{}{}
		clients.Go(func() {
			defer func() { <-places }()
			answer, err := r.send()
			if err != nil || strings.Contains(answer, "X-Request-Id") && strings.Contains(answer, secret) {
				t.Errorf("%.200q is answered %q, %v; want an answer without what was sent", r.text, answer, err)
			}
		})
	}
	clients.Wait()
	_, err = tls.Dial("tcp", secure, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{secret}})
	if err != nil {
		t.Errorf("TLS with a protocol that nobody knows: %v", err)
	}
	s.terminate()
	out := s.proc.Output()
	for _, want := range []string{"status=400", "status=401", "status=403", "status=405", "request refused", "method=other"} {
		if !strings.Contains(out, want) {
			t.Errorf("nothing is logged with %s", want)
		}
	}
	for line := range strings.Lines(out) {
		if strings.Contains(line, secret) || strings.Contains(line, session.Token) || strings.Contains(line, authToken) {
			t.Errorf("logged: %s", line)
		}
	}
}

// TestNothingUnaskedIsLogged: bytes that a container sends after its answer.
func TestNothingUnaskedIsLogged(t *testing.T) {
	s, h, gateway, _ := newTalkativeStack(t)
	s.start()
	_, body := s.do("PUT", "AmiFox", 202)
	session, err := proctest.Answer{Body: body}.Session()
	if err != nil {
		t.Fatal(err)
	}
	s.terminate()
	ln, err := net.Listen("tcp", net.JoinHostPort(h.Addr(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	s.sql(fmt.Sprintf("UPDATE sessions SET port = %d", ln.Addr().(*net.TCPAddr).Port))
	s.start()
	const secret = "what-somebody-reads"
	ended := make(chan error, 1)
	go func() { ended <- answerTooMuch(ln, secret) }()
	if code, _, _ := s.request("GET", "http://"+gateway+"/", session.Token, "AmiFox"); code != 200 {
		t.Errorf("a container that sends too much: %d, want 200", code)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	s.terminate()
	if out := s.proc.Output(); strings.Contains(out, secret) {
		t.Errorf("the log has what the container sent:\n%s", out)
	}
}

// answerTooMuch answers one request, and returns when the other side has closed the
// connection because of what came after the answer.
func answerTooMuch(ln net.Listener, more string) error {
	nc, err := ln.Accept()
	if err != nil {
		return err
	}
	defer nc.Close()
	r := bufio.NewReader(nc)
	if _, err := http.ReadRequest(r); err != nil {
		return err
	}
	if _, err := io.WriteString(nc, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"+more); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r)
	return err
}
