package scripts_test

import (
	"encoding/pem"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
)

// TestE2EStackTLS: with the profile tls there is HTTPS, and old clients come in as before.
func TestE2EStackTLS(t *testing.T) {
	proctest.E2E(t)
	t.Run("local-host", func(t *testing.T) {
		f := newFront(t, nil, "COMPOSE_PROFILES=tls,local-host")
		f.serves(t)
		f.takesOwnCertificate(t)
		f.saysWhyCaddyDoesNotStart(t)
		f.goes(t)
	})
	t.Run("over SSH", func(t *testing.T) {
		newFront(t, startHost(t)).serves(t)
	})
}

func (f *front) serves(t *testing.T) {
	t.Helper()
	f.succeeds(t, "The stack is up", "stack.sh", "up")
	f.trusts(t)
	a, err := f.puts(t)
	s, xmlErr := a.Session()
	if err != nil || xmlErr != nil || a.Code != http.StatusAccepted {
		t.Fatalf("PUT over TLS: %+v, %v, %v; want 202", a, err, xmlErr)
	}
	if host, _, _ := strings.Cut(s.URL, ":"); host != caddyName {
		t.Errorf("the session is at %s, want the host that the client asked, %s", s.URL, caddyName)
	}
	f.knowsItsClients(t)
	f.servesPages(t, s.Token)
	f.servesOldClients(t)
}

// knowsItsClients: by no address that they say themselves, and not by Caddy's.
func (f *front) knowsItsClients(t *testing.T) {
	t.Helper()
	out, code := f.script(t, "stack.sh", "exec", "-T", "distributor", "/distributor", "sessions", "list")
	if code != 0 || !strings.Contains(out, "modern") || strings.Contains(out, "192.0.2.66") || strings.Contains(out, f.caddy) {
		t.Errorf("sessions list: exit code %d, want one of the client's own address:\n%s", code, out)
	}
}

// servesPages of the gateway: a browser's cookie is for TLS alone, and so is where it is led.
func (f *front) servesPages(t *testing.T, token string) {
	t.Helper()
	if code := f.browses(t, token); code != http.StatusOK {
		t.Errorf("a page of the session: %d, want 200", code)
	}
	resp, err := f.asks(t, f.gateway, http.MethodGet, "/s/"+token+"/", http.Header{"User-Agent": {"browser"}})
	if err != nil {
		t.Fatal(err)
	}
	if cookie, to := resp.Header.Get("Set-Cookie"), resp.Header.Get("Location"); !strings.Contains(cookie, "Secure") || strings.HasPrefix(to, "http:") {
		t.Errorf("a browser is led to %q with cookie %q, want https:// and Secure", to, cookie)
	}
	// More than any buffer between, in parts.
	resp, err = f.asks(t, f.gateway, http.MethodGet, "/img/big?bytes=20000000", http.Header{"Bearer": {token}, "User-Agent": {"modern"}})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(textOf(t, resp)); resp.StatusCode != http.StatusOK || n != 20_000_000 {
		t.Errorf("a large picture: %s with %d bytes, want all of it", resp.Status, n)
	}
}

// servesOldClients, which know neither TLS nor that there is more than one host at an
// address: where Caddy has plain HTTP, and where the distributor itself does.
func (f *front) servesOldClients(t *testing.T) {
	t.Helper()
	resp, body := old(t, f.plain)
	if resp.StatusCode != http.StatusAccepted || !strings.Contains(body, "<wrpUrl>"+caddyName+":") {
		t.Errorf("PUT by HTTP/1.0: %s %s; want 202, and a session at %s", resp.Status, body, caddyName)
	}
	if a, err := proctest.Do(t.Context(), f.put); err != nil || a.Code != http.StatusAccepted {
		t.Errorf("PUT past Caddy: %+v, %v; want 202", a, err)
	}
}

// takesOwnCertificate in place of Caddy's. The session goes on.
func (f *front) takesOwnCertificate(t *testing.T) {
	t.Helper()
	cert, key := hoststest.Certificate(t, caddyName)
	for _, path := range []string{cert, key} {
		if err := copyTo(filepath.Join(f.dir, "certs", filepath.Base(path)), path); err != nil {
			t.Fatal(err)
		}
	}
	f.sets(t, "CADDY_TLS=/certs/cert.crt /certs/private.key")
	f.succeeds(t, "The stack is up", "stack.sh", "up")
	text, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	f.roots.AppendCertsFromPEM(text)
	resp, err := f.asks(t, f.secure, http.MethodPut, "/", http.Header{"Bearer": {"k"}, "User-Agent": {"modern"}})
	if err != nil || resp.StatusCode != http.StatusNoContent {
		t.Fatalf("PUT with a certificate of our own: %v, %v; want 204", resp, err)
	}
	if block, _ := pem.Decode(text); !slices.Equal(resp.TLS.PeerCertificates[0].Raw, block.Bytes) {
		t.Errorf("Caddy shows %v, want the certificate in certs/", resp.TLS.PeerCertificates[0].Subject)
	}
}

func (f *front) saysWhyCaddyDoesNotStart(t *testing.T) {
	t.Helper()
	f.sets(t, "CADDY_TLS=/certs/none.crt /certs/none.key")
	refuses(t, "Caddy does not start, and says why above", f.dir, nil, "stack.sh", "up")
	if out, _ := f.script(t, "stack.sh", "up"); !strings.Contains(out, "/certs/none.crt: no such file") {
		t.Errorf("what Caddy lacks is not said:\n%s", out)
	}
	f.isGiven(t, http.StatusNoContent)
}

// goes: without the profile Caddy is gone, and nobody's session is.
func (f *front) goes(t *testing.T) {
	t.Helper()
	f.sets(t, "COMPOSE_PROFILES=")
	f.succeeds(t, "The stack is up", "stack.sh", "up")
	if left := f.container(t, "caddy"); left != "" {
		t.Errorf("Caddy is still there: %s", left)
	}
	f.isGiven(t, http.StatusNoContent)
}

// sets puts a line at the end of .env, where it counts.
func (s *stack) sets(t *testing.T, line string) {
	t.Helper()
	file := filepath.Join(s.dir, ".env")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, string(text)+line+"\n", 0o600)
}

// TestProfilesAreChecked before anything is started.
func TestProfilesAreChecked(t *testing.T) {
	if exec.Command("docker", "version").Run() != nil {
		hoststest.Missing(t, "a Docker engine")
	}
	hoststest.StandIn(t)
	needCompose(t, hoststest.Image)
	for want, env := range map[string][]string{
		"COMPOSE_PROFILES=tsl: there is no such profile":   {"COMPOSE_PROFILES=local-host,tsl"},
		"The profile tls needs CADDY_NAME":                 {"COMPOSE_PROFILES=tls"},
		"The profile local-host is for the host \"local\"": {"COMPOSE_PROFILES=local-host", "CONTAINER_HOSTS=a.example"},
	} {
		dir := newFolder(t, append(env, "AUTH_TOKEN=k", "MYSQL_PASSWORD=p"))
		refuses(t, want, dir, nil, "stack.sh", "up")
	}
}
