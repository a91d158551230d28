package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
)

// raw sends a client's request, and says no more.
func (s *stack) raw(method string) *net.TCPConn {
	s.t.Helper()
	nc, err := net.Dial("tcp", strings.TrimPrefix(s.base, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { nc.Close() })
	fmt.Fprintf(nc, "%s / HTTP/1.0\r\nBearer: %s\r\nUser-Agent: AmiFox\r\n\r\n", method, authToken)
	return nc.(*net.TCPConn)
}

// TestWhoSaysNoMoreIsServed: a client may end its side after its request, or hang up;
// what it asked for is done.
func TestWhoSaysNoMoreIsServed(t *testing.T) {
	s, _ := newPretendStack(t)
	s.start()
	for _, tt := range []struct {
		method string
		want   int
	}{{"PUT", 202}, {"PUT", 204}, {"HEAD", 204}, {"HEAD", 204}, {"GET", 200}} {
		nc := s.raw(tt.method)
		if err := nc.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(nc), &http.Request{Method: tt.method})
		if err != nil {
			t.Fatalf("%s and the end: %v", tt.method, err)
		}
		resp.Body.Close()
		if resp.StatusCode != tt.want {
			t.Errorf("%s and the end is answered %d, want %d", tt.method, resp.StatusCode, tt.want)
		}
	}
	for range 10 {
		s.sql("UPDATE sessions SET lastUsed = UTC_TIMESTAMP() - INTERVAL 11 MINUTE")
		s.raw("HEAD").Close()
		s.eventually("the HEAD of a client that hung up is use", func() bool {
			return s.count("SELECT COUNT(*) FROM sessions WHERE lastUsed > UTC_TIMESTAMP() - INTERVAL 5 MINUTE") == 1
		})
	}
}
