// Package targettest has the request targets that all servers of this service are
// tested with.
package targettest

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"
)

// A Case is a request with a right token, and what has to come of it. Name is a
// name of the gateway.
type Case struct {
	Method, Target string
	Gateway        int
	Passed         string // what WRP has to get; empty: nothing
	API            int
}

// Name is the host of the gateway's configured address, TLSName that of its address for TLS.
const (
	Name    = "gateway.example"
	TLSName = "secure.example"
)

// Cases returns the table. ADDRESS stands for the address of the server.
func Cases() []Case {
	return slices.Concat(paths(), shutdowns(), opaque(), absolute(), others(), controls())
}

// paths are targets that are paths.
func paths() []Case {
	return []Case{
		{"GET", "/", 200, "/", 200},
		{"GET", "/?url=http://a.example/shutdown/", 200, "/?url=http://a.example/shutdown/", 200},
		{"GET", "/?a=%0d%0a;b", 200, "/?a=%0d%0a;b", 200},
		{"GET", "/?", 200, "/?", 200},
		{"GET", "/map/1.map?10,20", 200, "/map/1.map?10,20", 404},
		{"GET", "/a%2Fb;c", 200, "/a%2Fb;c", 404},
		{"GET", "/%25zz", 200, "/%25zz", 404},
		{"GET", "/index.php", 200, "/index.php", 200},
		{"GET", "//index.php", 200, "//index.php", 404},
		{"GET", "//elsewhere.example/", 200, "//elsewhere.example/", 404},
		{"GET", "/http://a.example/", 200, "/http://a.example/", 404},
		{"GET", "/x#/y", 200, "/x%23/y", 404},
		{"GET", "/shutdowns/", 200, "/shutdowns/", 404},
	}
}

// shutdowns are targets that end a container, in all spellings.
func shutdowns() []Case {
	return []Case{
		{"GET", "/shutdown/", 403, "", 404},
		{"GET", "/SHUTDOWN/", 403, "", 404},
		{"GET", "//shutdown/", 403, "", 404},
		{"GET", "/./shutdown/", 403, "", 404},
		{"GET", "/x/../shutdown/", 403, "", 404},
		{"GET", "/x/%2e%2e/shutdown/", 403, "", 404},
		{"GET", "/%73hutdown/", 403, "", 404},
		{"GET", "/%2573hutdown/", 403, "", 404},
		{"GET", "/%25252573hutdown/", 403, "", 404},
		{"GET", "/shutdown;x/", 403, "", 404},
		{"GET", `/x\..\shutdown/`, 403, "", 404},
		{"GET", "/#/../shutdown/", 403, "", 404},
		{"OPTIONS", "/shutdown/", 403, "", 404},
		{"GET", "http://ADDRESS/x/../shutdown/", 403, "", 404},
	}
}

// opaque are targets that have a scheme and no host.
func opaque() []Case {
	return []Case{
		{"GET", "a:b:/shutdown/", 400, "", 400},
		{"POST", "a:b:/shutdown/", 400, "", 400},
		{"HEAD", "a:b:/shutdown/", 400, "", 400},
		{"GET", "http:b:/shutdown/", 400, "", 400},
		{"GET", "a:/shutdown/", 400, "", 400},
		{"GET", "a:shutdown", 400, "", 400},
		{"GET", "http:?", 400, "", 400},
		{"GET", "mailto:a@b.example", 400, "", 400},
	}
}

// absolute are targets that name a host.
func absolute() []Case {
	return []Case{
		{"GET", "http://gateway.example/a?b", 200, "/a?b", 404},
		{"GET", "http://GateWay.Example.:81/", 200, "/", 200},
		{"GET", "https://secure.example/", 200, "/", 200},
		{"GET", "http://ADDRESS/", 200, "/", 200},
		{"GET", "HTTP://ADDRESS", 200, "/", 200},
		{"GET", "http://ADDRESS?x", 200, "/?x", 200},
		{"GET", "http://name:password@ADDRESS/", 200, "/", 200},
		{"GET", "http://[::ffff:127.0.0.1]/", 200, "/", 200},
		{"GET", "http://elsewhere.example/", 400, "", 200},
		{"GET", "http://elsewhere.example/shutdown/", 400, "", 404},
		{"GET", "http://gateway.example@elsewhere.example/", 400, "", 200},
		{"GET", "http://gateway.example.elsewhere.example/", 400, "", 200},
		{"GET", "http:///shutdown/", 400, "", 400},
		{"GET", "http:/shutdown/", 400, "", 400},
		{"GET", "http://:80/", 400, "", 400},
		{"GET", "ftp://gateway.example/", 400, "", 400},
		{"GET", "a://gateway.example/shutdown/", 400, "", 400},
	}
}

// others are targets that are an authority, an asterisk, or nothing at all.
func others() []Case {
	return []Case{
		{"CONNECT", "a.example:443", 400, "", 400},
		{"CONNECT", "gateway.example:80", 400, "", 400},
		{"CONNECT", "http://gateway.example/", 400, "", 400},
		{"CONNECT", "/shutdown/", 405, "", 404},
		{"CONNECT", "/", 405, "", 405},
		{"GET", "a.example:443", 400, "", 400},
		{"GET", "a.example", 400, "", 400},
		{"OPTIONS", "*", 400, "", 400},
		{"GET", "*", 400, "", 400},
		{"GET", "*/shutdown/", 400, "", 400},
		{"GET", "shutdown/", 400, "", 400},
		{"GET", "?/shutdown/", 400, "", 400},
	}
}

// controls are targets that hold control characters.
func controls() []Case {
	return []Case{
		{"GET", "/\x01", 400, "", 400},
		{"GET", "/\x7f", 400, "", 400},
		{"GET", "/?\t", 400, "", 400},
		{"GET", "/%00", 400, "", 400},
		{"GET", "/shutdown%00/", 400, "", 400},
		{"GET", "/%0d%0aGET%20/shutdown/", 400, "", 400},
		{"GET", "http://ADDRESS/%7f", 400, "", 400},
		{"GET", "/\r/shutdown/", 400, "", 400},
		{"GET", "/ /shutdown/", 400, "", 400},
	}
}

// Send sends a request over a connection of its own, and returns the status of the
// answer.
func Send(t testing.TB, address, method, target, headers string) int {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(nc, method+" "+target+" HTTP/1.1\r\nHost: x.example\r\nUser-Agent: AmiFox\r\n"+headers+"\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(nc), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s %q: %v", method, target, err)
	}
	resp.Body.Close()
	return resp.StatusCode
}
