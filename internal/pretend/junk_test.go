package pretend

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/docker/docker/client"
	"golang.org/x/crypto/ssh"
)

// rawRequest sends what no Docker client would send.
func rawRequest(t *testing.T, c *client.Client, method, target, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://docker.invalid"+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.HTTPClient().Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return resp.StatusCode, string(text)
}

func TestJunkRequests(t *testing.T) {
	h, c := ready(t)
	launch(t, c, "xx", nil)
	for _, tt := range []struct {
		method, target, body string
		code                 int
	}{
		{"GET", "/", "", 404},
		{"GET", "/nothing", "", 404},
		{"GET", "/v1.41/nothing", "", 404},
		{"GET", "/v1.52/info", "", 400},
		{"GET", "/v1.9/info", "", 400},
		{"POST", "/containers/create?name=a%20b", `{"Image":"` + DefaultImage + `"}`, 400},
		{"POST", "/containers/none/start", "", 404},
		{"POST", "/containers/none/stop", "", 404},
		{"POST", "/containers/xx/kill?signal=SIGNONE", "", 400},
		{"GET", "/v1.41.1/info", "", 200},
		{"GET", "/v../info", "", 400},
		{"GET", "/vx/info", "", 404},
		{"GET", "/v1.41", "", 404},
		{"HEAD", "/_ping", "", 200},
		{"GET", "/v1.41/_ping", "", 200},
		{"PUT", "/containers/json", "", 404},
		{"GET", "/containers/json?filters=x", "", 400},
		{"GET", `/containers/json?filters={"status":{"x":true}}`, "", 400},
		{"GET", `/containers/json?filters={"name":["("]}`, "", 400},
		{"GET", `/containers/json?filters=null`, "", 200},
		{"GET", "/containers/json?all=%zz", "", 200},
		{"POST", "/containers/create", "", 400},
		{"POST", "/containers/create", "{}", 400},
		{"POST", "/containers/create", "[1]", 400},
		{"POST", "/containers/create", `{"Image":"a","HostConfig":{"PortBindings":{"":null}}}`, 404},
		{"POST", "/containers/create", `{"Image":"` + DefaultImage + `","HostConfig":{"PortBindings":{"":null}}}`, 400},
		{"POST", "/containers/create", `{"Image":"` + DefaultImage + `","HostConfig":{"PortBindings":{"8080/tcp":[{"HostPort":"70000"}]}}}`, 400},
		{"POST", "/containers/create", `{"Image":"` + DefaultImage + `","HostConfig":{"Mounts":[{"Type":"bind","Source":"/no/such/file","Target":"/x"}]}}`, 400},
		{"POST", "/containers/create", `{"Image":"` + DefaultImage + `","HostConfig":{"Binds":["","x",":",":::"]}}`, 201},
		{"POST", "/containers/create", strings.Repeat("x", maxBody+1), 400},
		{"POST", "/containers/xx/stop?t=soon", "", 400},
		{"POST", "/containers/xx/stop?signal=x", "", 400},
		{"GET", "/containers/%2Fxx/json", "", 200},
		{"GET", "/containers/%00/json", "", 404},
		{"GET", "/images/json", "", 404},
		{"GET", "/images/a/b/c/json", "", 404},
		{"POST", "/images/create", "", 400},
	} {
		if code, body := rawRequest(t, c, tt.method, tt.target, tt.body); code != tt.code {
			t.Errorf("%s %s %.40q = %d %s, want %d", tt.method, tt.target, tt.body, code, body, tt.code)
		}
	}
	if got := h.Containers(); !got[0].Running {
		t.Errorf("junk ended a container: %+v", got)
	}
}

// FuzzAPI checks that no request, however odd, makes the API panic or hang.
func FuzzAPI(f *testing.F) {
	for _, path := range []string{"/v1.41/containers/create?name=a", "/containers/a/start", "/containers/a/stop?t=0", "/images/create?fromImage=a", "/events?until=1", "/containers/a"} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			f.Add(method, path, `{"Image":"`+DefaultImage+`","Cmd":["-token","x"],"HostConfig":{"PortBindings":{"8080/tcp":[{}]}}}`)
		}
	}
	f.Fuzz(func(t *testing.T, method, target, body string) {
		h, err := Start(Config{HasImage: true})
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		r, err := http.NewRequest(method, "http://docker.invalid"+target, strings.NewReader(body))
		if err != nil {
			t.Skip()
		}
		ctx, cancel := context.WithTimeout(t.Context(), short)
		defer cancel()
		w := httptest.NewRecorder()
		newAPI(h.engine, h.faults, h.tasks).ServeHTTP(w, r.WithContext(ctx))
		if w.Code < 200 {
			t.Errorf("%s %s = %d", method, target, w.Code)
		}
	})
}

// TestJunkConnections speaks other protocols, and bad SSH.
func TestJunkConnections(t *testing.T) {
	h := startHost(t, Config{})
	for _, junk := range []string{"", "GET / HTTP/1.0\r\n\r\n", "SSH-2.0-x\r\n" + strings.Repeat("\xff", 1000), strings.Repeat("a", 1<<16)} {
		nc, err := net.Dial("tcp", h.SSHAddr())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(nc, junk)
		nc.Close()
	}
	c := login(t, h)
	for _, tt := range []struct{ kind, extra string }{
		{"x11", ""}, {"direct-tcpip", ""}, {"direct-tcpip", "\xff\xff\xff\xff"},
		{"direct-streamlocal@openssh.com", ""}, {"direct-streamlocal@openssh.com", "\x00\x00\x00\xffx"},
	} {
		if _, _, err := c.OpenChannel(tt.kind, []byte(tt.extra)); err == nil {
			t.Errorf("channel %s %q was opened", tt.kind, tt.extra)
		}
	}
	channel, requests, err := c.OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	go ssh.DiscardRequests(requests)
	for _, tt := range []struct {
		kind, payload string
		want          bool
	}{
		{"exec", "", false}, {"exec", "\x00\x00\xff\xffid", false}, {"shell", "", false}, {"pty-req", "?", false},
		{"env", "", true}, {"exec", "\x00\x00\x00\x04true", true},
	} {
		if ok, err := channel.SendRequest(tt.kind, true, []byte(tt.payload)); err != nil || ok != tt.want {
			t.Errorf("request %s %q = %v, %v, want %v", tt.kind, tt.payload, ok, err, tt.want)
		}
	}
	eventually(t, "junk counted as failed logins", func() bool { _, failed := h.Logins(); return failed == 4 })
}

// TestJunkInTunnel sends the Docker socket what is no HTTP.
func TestJunkInTunnel(t *testing.T) {
	h := startHost(t, Config{})
	c := login(t, h)
	nc, err := c.Dial("unix", dockerSocket)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(nc, "\x00\x01 no HTTP\r\n\r\n")
	if text, err := io.ReadAll(nc); err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 400") {
		t.Errorf("answer = %q, %v", text, err)
	}
	nc.Close()
	eventually(t, "no channels", func() bool { return h.OpenChannels() == 0 })
}
