package session

import (
	"log/slog"
	"strings"
	"testing"
)

// TestClientNameIsStable: in the log a client is called the same by its requests and by
// its session, in every state of that, and by nothing that it sent.
func TestClientNameIsStable(t *testing.T) {
	const name = "192.0.2.1#04e60dd1"
	c := Client{IP: "192.0.2.1", UserAgent: "AmiFox/1 secret"}
	broken := Client{IP: "192.0.2.1", UserAgent: "Mac\x8cBrowser"}
	visitor := Visitor("secret", "192.0.2.1", 1)
	for _, tt := range []struct {
		what, got, want string
	}{
		{"client", c.LogValue().String(), name},
		{"client without a User-Agent", Client{IP: "192.0.2.1"}.LogValue().String(), "192.0.2.1"},
		{"running", (&Session{ClientIP: c.IP, UserAgent: c.agent(), Identity: c.identity()}).ClientName(), name},
		{"stopping", (&Session{ClientIP: c.IP, UserAgent: c.agent()}).ClientName(), name},
		{"running, not UTF-8", (&Session{ClientIP: c.IP, UserAgent: broken.agent(), Identity: broken.identity()}).ClientName(), broken.LogValue().String()},
		{"stopping, not UTF-8", (&Session{ClientIP: c.IP, UserAgent: broken.agent()}).ClientName(), "192.0.2.1"},
		{"stopping, cut", (&Session{ClientIP: c.IP, UserAgent: strings.Repeat("x", maxAgent)}).ClientName(), "192.0.2.1"},
		{"warm", (&Session{}).ClientName(), ""},
		{"account", AccountUser("anna", "", 1).name(), "anna"},
		{"device", AccountUser("anna", "second", 1).name(), "anna/second"},
		{"visitor", visitor.name(), "visitor 192.0.2.1#" + hashOf(visitor.identity())},
		{"visitor, stopping", (&Session{ClientIP: visitor.IP, UserAgent: visitor.agent(), Account: visitor.account}).ClientName(), visitor.name()},
		{"account, stopping", (&Session{ClientIP: "account", UserAgent: "anna/second", Account: "anna"}).ClientName(), "anna/second"},
		{"called like one", (&Session{ClientIP: "account", UserAgent: "anna"}).ClientName(), Client{IP: "account", UserAgent: "anna"}.name()},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %q, want %q", tt.what, tt.got, tt.want)
		}
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "client", c)
	if !strings.Contains(log.String(), " client="+name+"\n") {
		t.Errorf("logged: %s", log.String())
	}
}
