package hosts_test

import (
	"testing"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
)

// TestSettingsAreOfKindNotOfSession: they tell apart all that a container is made with,
// and are alike for any two sessions.
func TestSettingsAreOfKindNotOfSession(t *testing.T) {
	list := servicetest.StartHosts(t, 1, pretend.Config{})
	settings := func(s hosts.Spec, change func(*hosts.Config)) string {
		p, _ := newPool(t, list, change)
		if got := p.Settings(s); got != "" {
			t.Errorf("settings before the first check: %q, want none", got)
		}
		p.CheckHealth(t.Context())
		return p.Settings(s)
	}
	usual := settings(spec(1, 9090), nil)
	if len(usual) != 64 {
		t.Fatalf("settings = %q, want 64 digits", usual)
	}
	other := spec(2, 9091)
	other.Token, other.Nonce = "another", "another"
	if got := settings(other, nil); got != usual {
		t.Errorf("another session's settings are %s, want %s", got, usual)
	}
	tls, gateway := spec(1, 9090), spec(1, 9090)
	tls.TLS, gateway.Gateway = true, true
	files := func(cert string) func(*hosts.Config) {
		return func(c *hosts.Config) { c.Hosts[0].TLS = &hosts.TLSFiles{Cert: cert, Key: "/k"} }
	}
	seen := map[string]string{usual: "the usual ones"}
	for _, tt := range []struct {
		name   string
		spec   hosts.Spec
		change func(*hosts.Config)
	}{
		{"arguments", spec(1, 9090), func(c *hosts.Config) { c.Container.Args = []string{"-n", "-token", "{token}"} }},
		{"memory", spec(1, 9090), func(c *hosts.Config) { c.Container.Memory = 1 << 30 }},
		{"processors", spec(1, 9090), func(c *hosts.Config) { c.Container.CPUs = 0.5 }},
		{"processes", spec(1, 9090), func(c *hosts.Config) { c.Container.Pids = 100 }},
		{"network", spec(1, 9090), func(c *hosts.Config) { c.Container.Network.Name = "bridge" }},
		{"address to publish on", spec(1, 9090), func(c *hosts.Config) { c.Hosts[0].Publish = "127.0.0.2" }},
		{"gateway", gateway, nil},
		{"TLS", tls, files("/c")},
		{"another certificate", tls, files("/d")},
	} {
		got := settings(tt.spec, tt.change)
		if before, ok := seen[got]; ok || got == "" {
			t.Errorf("%s: settings %q, like %s; want others", tt.name, got, before)
		}
		seen[got] = tt.name
	}
	if got := settings(spec(1, 9090), files("/c")); got != usual {
		t.Errorf("plain on a host with a certificate: %s, want %s", got, usual)
	}
	list[0].ReplaceImage()
	if got := settings(spec(1, 9090), nil); seen[got] != "" {
		t.Errorf("another image: settings like %s, want others", seen[got])
	}
	list[0].SetImage(false)
	if got := settings(spec(1, 9090), nil); got != "" {
		t.Errorf("no image: settings %q, want none", got)
	}
}

// TestSettingsFollowImage: a container's are of the image that it was made from, a new
// one's of the image that the last check found, or whoever looked since.
func TestSettingsFollowImage(t *testing.T) {
	list := servicetest.StartHosts(t, 1, pretend.Config{})
	p, log := newPool(t, list, nil)
	p.CheckHealth(t.Context())
	settingsOf := func(s hosts.Spec) string {
		t.Helper()
		got, err := p.SettingsOf(t.Context(), s)
		must(t, err)
		return got
	}
	first := start(t, p, spec(1, 9090))
	before := p.Settings(first)
	if got := settingsOf(first); got != before {
		t.Errorf("the container's settings are %s, want those of a new one, %s", got, before)
	}
	list[0].ReplaceImage()
	if got := p.Settings(first); got != before {
		t.Errorf("settings changed to %s without a look at the host", got)
	}
	second := start(t, p, spec(2, 9091))
	after := settingsOf(second)
	if now := p.Settings(second); after == before || now != after {
		t.Errorf("a container of the other image: settings %s, a new one %s; want both alike, and not %s", after, now, before)
	}
	if got := settingsOf(first); got != before {
		t.Errorf("the first container's settings are %s now, want %s", got, before)
	}
	list[0].ReplaceImage()
	p.CheckHealth(t.Context())
	if got := p.Settings(second); got == after {
		t.Error("settings are as before though the check found another image")
	}
	if n := log.count("msg", "image changed; new containers get it"); n != 2 {
		t.Errorf("said %d times that the image changed, want 2", n)
	}
}
