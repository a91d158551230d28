package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"wrpdistributor/internal/proctest"
)

// browses asks for a page as an old browser does whose person has a password, and returns
// the whole answer.
func browses(t *testing.T, address, path, user, password string) string {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintf(nc, "GET %s HTTP/1.0\r\nAuthorization: Basic %s\r\n\r\n", path, base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
	text, err := io.ReadAll(nc)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestPortalOfTheService: an operator adds an account, its person browses with nothing but
// a name and a password, until the account is disabled.
func TestPortalOfTheService(t *testing.T) {
	s := &stack{t: t, Commands: *commands(t)}
	listen := proctest.FreeAddr(t)
	s.base = "http://" + listen
	s.set("LISTEN", listen)
	s.set("AUTH_TOKEN", "k")
	s.set("PORTAL", "accounts")
	s.set("PORTAL_WAIT", "30s")
	s.set("CLEANUP_EVERY", "1m")
	address := s.withGateway()
	metrics := s.withMetrics()
	s.proc = proctest.Start(t, s.Command("distributor", "--pretend", "1"))
	s.awaitReady()
	var made struct{ Password string }
	if err := json.Unmarshal([]byte(s.run(0, "distributor", "accounts", "add", "anna", "--json")), &made); err != nil {
		t.Fatal(err)
	}
	if got := browses(t, address, "/", "anna", "guess"); !strings.HasPrefix(got, "HTTP/1.0 401") {
		t.Errorf("a guess is answered %q", got)
	}
	if got := browses(t, address, "/?url=http://example.org/", "anna", made.Password); !strings.HasPrefix(got, "HTTP/1.0 200") || !strings.Contains(got, "<img") {
		t.Errorf("the password is answered %q", got)
	}
	if got := browses(t, address, "/~/", "anna", made.Password); !strings.Contains(got, "It ends when it was not used for 10 minutes.") {
		t.Errorf("its own page is %q", got)
	}
	if out := s.run(0, "distributor", "sessions", "list", "--account", "anna"); !strings.Contains(out, "anna") {
		t.Errorf("sessions list says %q", out)
	}
	if out := s.scrape(metrics, ""); !strings.Contains(out, `wrpdistributor_portal_pages_total{page="session"} 1`) || !strings.Contains(out, `wrpdistributor_account_logins_total{result="right"} 1`) {
		t.Errorf("metrics do not count it:\n%s", out)
	}
	if out := s.run(0, "distributor", "accounts", "add", "ben"); strings.Contains(out, "PORTAL") {
		t.Errorf("adding another says %q", out)
	}
	if out := s.run(0, "distributor", "accounts", "disable", "anna"); !strings.Contains(out, "ended: 1") {
		t.Errorf("disabling says %q", out)
	}
	if got := browses(t, address, "/", "anna", made.Password); !strings.HasPrefix(got, "HTTP/1.0 401") {
		t.Errorf("a disabled account is answered %q", got)
	}
	if out := s.proc.Output(); strings.Contains(out, made.Password) || !strings.Contains(out, "client=anna") {
		t.Errorf("the log names no account, or has a password:\n%s", out)
	}
	if code, _, _ := s.request(http.MethodPut, s.base+"/", "k", "AmiFox"); code != 202 {
		t.Errorf("PUT = %d", code)
	}
}
