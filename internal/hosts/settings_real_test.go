package hosts

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/porttest"
)

// TestRealSettings: a container that an engine made tells the image that its name had.
func TestRealSettings(t *testing.T) {
	name := "wrp-settings:" + strings.ToLower(rand.Text())
	p := realPoolOf(t, Config{Container: ContainerConfig{Image: name, Args: []string{"-token", "{token}"}}})
	t.Cleanup(func() { hoststest.Docker(t, "rmi", "-f", name) })
	hoststest.Docker(t, "tag", hoststest.Image, name)
	p.CheckHealth(t.Context())
	create := func(session int64) (made, now string) {
		s := Spec{Ref: Ref{Host: "local", Name: fmt.Sprint("wrp_", p.hosts[0].cfg.DatabaseID[:8], "_", session), Session: session, Nonce: "n"}, Port: porttest.Free(t), Token: fmt.Sprint(session)}
		now = p.Settings(s)
		var err error
		if s.ID, err = p.Create(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if made, err = p.SettingsOf(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		return made, now
	}
	first, now := create(1)
	if first == "" || first != now {
		t.Errorf("the container's settings are %q, want %q as was foretold", first, now)
	}
	hoststest.Derive(t, hoststest.Image, name)
	second, now := create(2)
	if second == first || now != first {
		t.Errorf("after another image got the name: made %q, foretold %q; want another than %q, and that", second, now, first)
	}
	if third, now := create(3); third != second || now != second {
		t.Errorf("next: made %q, foretold %q; want both %q", third, now, second)
	}
}
