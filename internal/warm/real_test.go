package warm_test

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// TestE2EImageIsFollowed: an image that an operator pulls, or tags, is what clients
// get from the next check on, and what waits is replaced by it. Sessions keep theirs.
func TestE2EImageIsFollowed(t *testing.T) {
	proctest.E2E(t)
	hoststest.StandIn(t)
	name := "wrp-followed:" + strings.ToLower(rand.Text())
	hoststest.Docker(t, "tag", hoststest.Image, name)
	t.Cleanup(func() { hoststest.Docker(t, "rmi", "-f", name) })
	cfg := servicetest.Configure(t, nil, servicetest.Options{})
	cfg.Hosts = []hosts.Host{{Name: "local", Address: "127.0.0.1", Max: 4, Warm: 2}}
	cfg.Container = hosts.ContainerConfig{Image: name, Args: []string{"-token", "{token}"}, Memory: 64 << 20, Pids: 64}
	cfg.StartPort = proctest.FreeRange(t, 4)
	k := servicetest.Watched(t, databasetest.New(t), cfg)
	id, err := k.DB.DatabaseID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hoststest.RemoveContainers(t, id) })
	run(t, newWarmer(t, k.Service))
	eventually(t, "two wait", func() bool { return count(t, k, "local", session.Warm) == 2 })
	imageOf := func(s *session.Session) string {
		return hoststest.Docker(t, "inspect", "-f", "{{.Image}}", s.ContainerID)
	}
	allocate := func(c session.Client) *session.Session {
		s, _, err := k.Sessions.Allocate(t.Context(), c, false)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := allocate(session.Client{IP: "192.0.2.1", UserAgent: "a"})
	before := imageOf(first)

	hoststest.Derive(t, hoststest.Image, name)
	after := hoststest.Docker(t, "image", "inspect", "-f", "{{.Id}}", name)
	begun := time.Now()
	eventually(t, "two of the new image wait", func() bool {
		current := 0
		for _, s := range list(t, k) {
			if s.State == session.Warm && imageOf(&s) == after {
				current++
			}
		}
		return current == 2
	})
	t.Logf("followed in %s", time.Since(begun).Round(time.Second))
	if got := imageOf(allocate(session.Client{IP: "192.0.2.2", UserAgent: "b"})); got != after || after == before {
		t.Errorf("the next client has image %s, want %s, and not %s", got, after, before)
	}
	if s := allocate(session.Client{IP: "192.0.2.1", UserAgent: "a"}); s.ID != first.ID || imageOf(s) != before {
		t.Errorf("the first client has session %d of image %s, want %d of %s still", s.ID, imageOf(s), first.ID, before)
	}
}
