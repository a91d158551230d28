package httpapi_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
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
	for _, path := range []string{"/", "/index.php", "/healthz", "/readyz", "/v1/admin/hosts", "/v1/sessions", "/v1/session", "/v1/info", "/s/" + secret + "/", "/" + secret, "/%" + "00" + secret, "a:" + secret, "*"} {
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

// TestChangesOfReadinessAreLogged: and not every answer to a health check.
func TestChangesOfReadinessAreLogged(t *testing.T) {
	b := newBench(t, databasetest.New(t), servicetest.Options{Watch: true})
	eventually(t, "ready", func() bool { return status(t, b.url+"/readyz") == 200 })
	warned, wasUp := b.log.count("level=WARN"), b.log.count(`msg="ready again"`)
	for range 2 {
		if _, err := b.DB.Exec(`PRAGMA query_only = 1`); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if got := status(t, b.url+"/readyz"); got != 503 {
				t.Fatalf("/readyz = %d, want 503", got)
			}
		}
		if _, err := b.DB.Exec(`PRAGMA query_only = 0`); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if got := status(t, b.url+"/readyz"); got != 200 {
				t.Fatalf("/readyz = %d, want 200", got)
			}
		}
	}
	if down, up := b.log.count("level=WARN")-warned, b.log.count(`msg="ready again"`)-wasUp; down != 2 || up != 2 {
		t.Errorf("%d warnings, %d times ready again; want each change, which are 2 and 2", down, up)
	}
}

// TestRefusalsNameClientAndReason: by its address and the begin of its identity.
func TestRefusalsNameClientAndReason(t *testing.T) {
	b := newBench(t, databasetest.New(t), servicetest.Options{})
	client := session.Client{IP: "127.0.0.1", UserAgent: "AmiFox"}.LogValue().String()
	const agent = "Connection: close\r\nUser-Agent: AmiFox\r\n"
	for _, tt := range []struct{ method, headers, event, reason string }{
		{"BREW", agent + "Bearer: " + token, "request refused", `err="this method is not supported"`},
		{"PUT", agent, "authentication failed", `reason="no token"`},
		{"PUT", agent + "Bearer: x", "authentication failed", `reason="wrong token"`},
	} {
		targettest.Send(t, strings.TrimPrefix(b.url, "http://"), tt.method, "/", tt.headers+"\r\n\r\n")
		b.log.mu.Lock()
		lines := strings.Split(strings.TrimSpace(b.log.b.String()), "\n")
		b.log.mu.Unlock()
		for _, want := range []string{tt.event, tt.reason, " client=" + client + " "} {
			if last := lines[len(lines)-1]; !strings.Contains(last, want) {
				t.Errorf("%s is logged as %s, want %s", tt.method, last, want)
			}
		}
	}
}
