package bench

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/bcrypt"

	"wrpdistributor/internal/proctest"
)

func waiterName(i int) string { return fmt.Sprint("waiter-", i) }

func loginName(round, i int) string { return fmt.Sprintf("login-%d-%d", round, i) }

// importAccounts makes all accounts. Passwords that are measured have the hash that the
// service makes, those of many who wait a quick one.
func (p *portalLoad) importAccounts() {
	p.t.Helper()
	slow, err := bcrypt.GenerateFromPassword([]byte(portalPassword), bcrypt.DefaultCost)
	quick, err2 := bcrypt.GenerateFromPassword([]byte(portalPassword), bcrypt.MinCost)
	if err := errors.Join(err, err2); err != nil {
		p.t.Fatal(err)
	}
	lines := []string{knownName + ":" + string(slow)}
	for round := range p.b.rounds {
		for i := range loginsAtOnce * loginsEach {
			lines = append(lines, loginName(round, i)+":"+string(slow))
		}
	}
	for i := range p.waiters {
		lines = append(lines, waiterName(i)+":"+string(quick))
	}
	file := filepath.Join(p.t.TempDir(), "users")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		p.t.Fatal(err)
	}
	if out, err := p.commands.Command("distributor", "accounts", "import", file).CombinedOutput(); err != nil {
		p.t.Fatalf("import accounts: %v\n%s", err, out)
	}
}

// browse has the person open the address until there is a session.
func (p *portalLoad) browse() {
	p.t.Helper()
	for deadline := time.Now().Add(worldTime); ; {
		code, body, err := p.ask(browserRequest("/", basicHeader(knownDevice)))
		if err == nil && code == http.StatusOK && !isPortalPage(body) {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("no session: %d %q, %v\n%s", code, body, err, tail(p.proc.Output()))
		}
		select {
		case <-p.b.ctx.Done():
			p.t.Fatal("interrupted")
		case <-time.After(statePause):
		}
	}
}

// ask sends a request on a connection of its own.
func (p *portalLoad) ask(req []byte) (code int, body []byte, err error) {
	v, err := newVisitor(p.b.ctx, p.through)
	if err != nil {
		return 0, nil, err
	}
	defer v.close()
	return v.do(req)
}

// browserRequest is a GET of a browser, as it is sent.
func browserRequest(path string, headers ...string) []byte {
	return []byte("GET " + path + " HTTP/1.1\r\nHost: bench\r\n" + strings.Join(headers, "\r\n") + "\r\n\r\n")
}

func basicHeader(user string) string {
	return "Authorization: " + proctest.Basic(user, portalPassword)
}

// isPortalPage tells the portal's pages from those of a session.
func isPortalPage(body []byte) bool { return strings.Contains(string(body), "HTML 2.0") }

// logIn gives name and password in the form, for the device that has the session, and
// returns the cookie.
func (p *portalLoad) logIn() (string, error) {
	a, err := proctest.LogIn(p.b.ctx, "http://"+p.through, knownDevice, portalPassword)
	if err != nil || a.Code != http.StatusFound || a.Cookies() == "" {
		return "", fmt.Errorf("log in: %d %.200q, %w", a.Code, a.Body, err)
	}
	return a.Cookies(), nil
}
