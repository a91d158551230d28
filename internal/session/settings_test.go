package session_test

import (
	"slices"
	"testing"

	"wrpdistributor/internal/config"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// updated returns a second process on k's database and hosts, with other settings.
func updated(t *testing.T, k *servicetest.Kit, change func(*config.Config)) *servicetest.Kit {
	t.Helper()
	cfg := *k.Config
	cfg.Hosts = slices.Clone(cfg.Hosts)
	change(&cfg)
	other := &servicetest.Kit{Service: servicetest.Open(t, k.DB, &cfg), Hosts: k.Hosts, Config: &cfg}
	other.Sessions.SetPatient(true)
	other.Pool.AwaitFirstCheck(t.Context())
	return other
}

// containerOf returns the container of a session.
func containerOf(t *testing.T, k *servicetest.Kit, s *session.Session) pretend.ContainerInfo {
	t.Helper()
	list := k.Hosts[0].Containers()
	i := slices.IndexFunc(list, func(c pretend.ContainerInfo) bool { return c.ID == s.ContainerID })
	if i < 0 {
		t.Fatalf("session %d has container %q, which is not there", s.ID, s.ContainerID)
	}
	return list[i]
}

// settingsChanges are ways in which what a new container would be made with changes.
var settingsChanges = []struct {
	name   string
	change func(t *testing.T, k *servicetest.Kit) *servicetest.Kit // returns who serves clients then
}{
	{"image", func(t *testing.T, k *servicetest.Kit) *servicetest.Kit {
		k.Hosts[0].ReplaceImage()
		k.Pool.CheckHealth(t.Context())
		return k
	}},
	{"arguments", func(t *testing.T, k *servicetest.Kit) *servicetest.Kit {
		return updated(t, k, func(c *config.Config) { c.Container.Args = []string{"-n", "-token", "{token}"} })
	}},
	{"limit", func(t *testing.T, k *servicetest.Kit) *servicetest.Kit {
		return updated(t, k, func(c *config.Config) { c.Container.Memory = 1 << 30 })
	}},
	{"network", func(t *testing.T, k *servicetest.Kit) *servicetest.Kit {
		return updated(t, k, func(c *config.Config) { c.Container.Network.Name = "bridge" })
	}},
	{"row of a program that does not know of settings", func(t *testing.T, k *servicetest.Kit) *servicetest.Kit {
		exec(t, k, `UPDATE sessions SET settings = '' WHERE state IN ('warm', 'warming')`)
		return k
	}},
}

// TestWarmContainerOfOtherSettingsIsNotHandedOver: the client gets what is configured
// now; whoever has a session keeps it; with the settings from before, what waits is
// handed over still.
func TestWarmContainerOfOtherSettingsIsNotHandedOver(t *testing.T) {
	for _, tt := range settingsChanges {
		t.Run(tt.name, func(t *testing.T) {
			databasetest.Each(t, func(t *testing.T, db *database.DB) {
				k := newKit(t, db, servicetest.Options{Max: 4})
				mustStartWarm(t, k, false, 1)
				running := mustAllocate(t, k, atari, true)
				mustStartWarm(t, k, false, 1)
				warm := waiting(t, k)[0]
				now := tt.change(t, k)
				s := mustAllocate(t, now, amiga, true)
				if s.ContainerID == warm.ContainerID {
					t.Error("the client got the container that waited, want a new one")
				}
				wantServing(t, now, s)
				wantRows(t, k, "warm:1 running:2")
				if again := mustAllocate(t, now, atari, false); again.ContainerID != running.ContainerID {
					t.Errorf("who had container %s got %s, want the same", running.ContainerID, again.ContainerID)
				}
				if now == k {
					return
				}
				if before := mustAllocate(t, k, st, true); before.ContainerID != warm.ContainerID {
					t.Error("a process with the settings from before started another, want the one that waits")
				}
			})
		})
	}
}

// TestWarmContainerOfOtherSettingsIsEvicted: by a client who finds no free slot.
func TestWarmContainerOfOtherSettingsIsEvicted(t *testing.T) {
	for _, tt := range settingsChanges {
		t.Run(tt.name, func(t *testing.T) {
			databasetest.Each(t, func(t *testing.T, db *database.DB) {
				k := newKit(t, db, servicetest.Options{Max: 1})
				mustStartWarm(t, k, false, 1)
				warm := waiting(t, k)[0]
				now := tt.change(t, k)
				s := mustAllocate(t, now, amiga, true)
				if s.ContainerID == warm.ContainerID {
					t.Error("the client got the container that waited, want a new one")
				}
				wantRows(t, k, "running:1")
				wantContainers(t, k, 1)
			})
		})
	}
}

// TestWarmUpWithOtherSettingsIsNotJoined: nor is what it becomes handed over.
func TestWarmUpWithOtherSettingsIsNotJoined(t *testing.T) {
	for _, op := range []string{pretend.OpCreate, pretend.OpStart} {
		k := newKit(t, databasetest.New(t), servicetest.Options{Max: 4})
		warmed, release := warmingUpTo(t, k, op)
		now := settingsChanges[1].change(t, k)
		release()
		s := mustAllocate(t, now, amiga, true)
		must(t, <-warmed)
		wantRows(t, k, "warm:1 running:1")
		if c := containerOf(t, k, s); !slices.Contains(c.Cmd, "-n") {
			t.Errorf("the client's container has arguments %q, want those of now", c.Cmd)
		}
		if s := mustAllocate(t, now, atari, true); !slices.Contains(containerOf(t, k, s).Cmd, "-n") {
			t.Error("the next client got what was warmed up with other arguments")
		}
	}
}

// TestWarmContainerIsOfItsOwnImage: what counts is the image that the container was
// made from, not the one that was expected, nor the one that the name has afterwards.
func TestWarmContainerIsOfItsOwnImage(t *testing.T) {
	for op, want := range map[string]struct {
		rows string // after a client came
	}{
		pretend.OpCreate: {"running:1"},        // the name changes before: it is of the new image
		pretend.OpStart:  {"warm:1 running:1"}, // and after: it is of the old one
	} {
		k := newKit(t, databasetest.New(t), servicetest.Options{Max: 4})
		warmed, release := warmingUpTo(t, k, op)
		k.Hosts[0].ReplaceImage()
		release()
		must(t, <-warmed)
		k.Pool.CheckHealth(t.Context())
		mustAllocate(t, k, amiga, true)
		if got := rows(t, k); got != want.rows {
			t.Errorf("the image changes before %s: rows %q, want %q", op, got, want.rows)
		}
	}
}

// TestWarmTLSContainerOfOtherCertificate: the files that a host serves TLS with are
// settings as well, of the containers that have them.
func TestWarmTLSContainerOfOtherCertificate(t *testing.T) {
	k := newKit(t, databasetest.New(t), withTLS(t, servicetest.Options{Max: 4}))
	mustStartWarm(t, k, true, 1)
	mustStartWarm(t, k, false, 1)
	now := updated(t, k, func(c *config.Config) {
		files := *c.Hosts[0].TLS
		files.Cert, files.Key = hoststest.Certificate(t)
		c.Hosts[0].TLS = &files
	})
	for _, tls := range []bool{true, false} {
		if _, _, err := now.Sessions.Allocate(t.Context(), session.Client{IP: "192.0.2.9", UserAgent: map[bool]string{true: "tls", false: "plain"}[tls]}, tls); err != nil {
			t.Fatal(err)
		}
	}
	if list := waiting(t, k); len(list) != 1 || !list[0].TLS {
		t.Errorf("%+v wait still, want the TLS one only", list)
	}
}
