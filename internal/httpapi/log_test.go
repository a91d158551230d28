package httpapi_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/target/targettest"
)

// logged is a log whose lines can be searched.
type logged struct {
	t  testing.TB
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements [io.Writer].
func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.t.Output().Write(p)
	return l.b.Write(p)
}

func (l *logged) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

// TestLogHasNothingOfRequests: neither path nor query, headers or body, which may hold
// tokens and what people type.
func TestLogHasNothingOfRequests(t *testing.T) {
	b := newBench(t, databasetest.New(t), servicetest.Options{})
	const secret = "7777777777777"
	address := strings.TrimPrefix(b.url, "http://")
	bodies := []string{"", "ssl=" + secret, "ssl=%" + secret + "%zz", secret, `{"ssl":[` + secret + `]}`, `{"ssl":` + strings.Repeat(secret, 40) + `}`, `"` + secret}
	for _, path := range []string{"/", "/index.php", "/healthz", "/readyz", "/v1/admin/hosts", "/s/" + secret + "/", "/" + secret, "/%" + "00" + secret, "a:" + secret, "*"} {
		for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "POST", "OPTIONS"} {
			for i, body := range bodies {
				kind := []string{"application/x-www-form-urlencoded", "application/json"}[min(i/3, 1)]
				headers := fmt.Sprintf("Connection: close\r\nCookie: wrp_session=%[1]s\r\nReferer: http://x/%[1]s\r\nX-Admin-Token: %[1]s\r\nContent-Type: %s\r\nContent-Length: %d\r\n", secret, kind, len(body))
				for _, who := range []string{"Bearer: " + token + "\r\n", "Bearer: " + secret + "\r\n", "Authorization: Bearer " + secret + "\r\n",
					"Bearer: " + token + "\r\nX-Forwarded-For: x" + secret + "\r\n"} {
					targettest.Send(t, address, method, path+"?format=json&x="+secret, headers+who+"\r\n"+body)
				}
			}
		}
	}
	// A body in pieces that ends in what is no header.
	for _, end := range []string{"x" + secret + "\r\n", "1;x=" + secret + "\r\nx\r\n0\r\n" + secret + "\r\n\r\n", "0\r\nX-" + secret + "\r\n\r\n", "0\r\n" + secret + " : x\r\n\r\n"} {
		targettest.Send(t, address, "PUT", "/", "Bearer: "+token+"\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"+end)
	}
	if b.log.count(secret) > 0 {
		t.Error("the log has something of a request")
	}
	method := strings.Repeat("BREW", 1000)
	targettest.Send(t, address, method, "/", "Bearer: "+token+"\r\n")
	targettest.Send(t, address, method, "/", "")
	if b.log.count("method=other") < 2 || b.log.count("BREW") > 0 {
		t.Error("a method that is none of HTTP's is in the log, or nothing in its place")
	}
	if b.log.count("request refused") == 0 || b.log.count("route=/ ") == 0 {
		t.Error("the log has no refusals with their routes")
	}
}
