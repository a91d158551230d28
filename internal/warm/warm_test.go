package warm_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/reaper"
	"wrpdistributor/internal/service"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
	"wrpdistributor/internal/warm"
)

func newWarmer(t *testing.T, svc *service.Service) *warm.Warmer {
	t.Helper()
	return &warm.Warmer{
		Sessions: svc.Sessions, Store: svc.Store, Pool: svc.Pool,
		MaxAge: time.Hour, Interval: 20 * time.Millisecond, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
}

// run runs a warmer until the returned function is called.
func run(t *testing.T, w *warm.Warmer) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func list(t *testing.T, k *servicetest.Kit) []session.Session {
	t.Helper()
	all, err := k.Store.All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// count returns how many rows of a state there are on a host.
func count(t *testing.T, k *servicetest.Kit, host string, state session.State) int {
	n := 0
	for _, s := range list(t, k) {
		if s.Host == host && s.State == state {
			n++
		}
	}
	return n
}

// reconcile makes passes until there is nothing more to do.
func reconcile(t *testing.T, k *servicetest.Kit, w *warm.Warmer, h hosts.Host) {
	t.Helper()
	k.Pool.AwaitFirstCheck(t.Context())
	for more := true; more; {
		var err error
		if more, err = w.Reconcile(t.Context(), h); err != nil {
			t.Fatal(err)
		}
	}
}

func exec(t *testing.T, k *servicetest.Kit, query string, args ...any) {
	t.Helper()
	if _, err := k.DB.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatal(err)
	}
}

// TestWhatIsMissingIsReplaced: at first, after clients took some, and on a host that
// was down. What waits when Run ends is left for the next.
func TestWhatIsMissingIsReplaced(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := servicetest.New(t, db, servicetest.Options{Hosts: 2, Max: 5, Warm: 3, Watch: true})
		stop := run(t, newWarmer(t, k.Service))
		full := func() bool {
			return count(t, k, "host0", session.Warm) == 3 && count(t, k, "host1", session.Warm) == 3
		}
		eventually(t, "three wait on each host", full)
		for i := range 4 {
			if _, _, err := k.Sessions.Allocate(t.Context(), session.Client{IP: fmt.Sprint("192.0.2.", i), UserAgent: "a"}, false); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "as many wait as there is room for", func() bool {
			onFirst := count(t, k, "host0", session.Warm) + count(t, k, "host0", session.Running)
			return onFirst == 5 && count(t, k, "host1", session.Warm) == 3
		})
		if err := k.Hosts[0].SetDown(true); err != nil {
			t.Fatal(err)
		}
		for _, c := range k.Hosts[0].Containers() {
			k.Hosts[0].KillContainer(c.ID)
		}
		if err := k.Hosts[0].SetDown(false); err != nil {
			t.Fatal(err)
		}
		eventually(t, "three wait again", func() bool { return count(t, k, "host0", session.Warm) == 3 && k.Running() >= 6 })
		stop()
		if n := k.Running(); n < 6 {
			t.Errorf("%d containers run after Run ended, want them to be left for the next", n)
		}
	})
}

// TestReleaseStopsWhatWaits: when Run ends. Sessions with clients go on.
func TestReleaseStopsWhatWaits(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{Warm: 2, Watch: true})
	w := newWarmer(t, k.Service)
	w.Release = true
	stop := run(t, w)
	eventually(t, "two wait", func() bool { return count(t, k, "host0", session.Warm) == 2 })
	s, _, err := k.Sessions.Allocate(t.Context(), session.Client{IP: "192.0.2.1", UserAgent: "a"}, false)
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if all := list(t, k); len(all) != 1 || all[0].ID != s.ID || k.Running() != 1 {
		t.Errorf("left are %+v and %d containers, want the client's session only", all, k.Running())
	}
}

// TestReplicasTakeOverAndNeverWarmUpTooMany: several work on one database, and the
// one that holds the lease goes away.
func TestReplicasTakeOverAndNeverWarmUpTooMany(t *testing.T) {
	for _, dialect := range []string{"sqlite", "mysql"} {
		cfg := databasetest.Migrated(t, dialect)
		k := servicetest.New(t, databasetest.Open(t, cfg), servicetest.Options{Max: 6, Warm: 3, Watch: true})
		stop := run(t, newWarmer(t, k.Service))
		for range 2 {
			svc := servicetest.Open(t, databasetest.Open(t, cfg), k.Config)
			svc.Pool.AwaitFirstCheck(t.Context())
			run(t, newWarmer(t, svc))
		}
		most := 0
		eventually(t, "three wait", func() bool {
			most = max(most, len(list(t, k)))
			return count(t, k, "host0", session.Warm) == 3
		})
		stop()
		for _, c := range k.Hosts[0].Containers() {
			k.Hosts[0].KillContainer(c.ID)
		}
		if _, err := k.Reaper.Reconcile(t.Context(), reaper.Options{}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "another replica has replaced them", func() bool {
			most = max(most, len(list(t, k)))
			return count(t, k, "host0", session.Warm) == 3
		})
		if most > 3 {
			t.Errorf("there were %d containers that waited, want never more than 3", most)
		}
	}
}

// TestReconcileCorrectsDifferences: what passes make of containers that were right
// before a change.
func TestReconcileCorrectsDifferences(t *testing.T) {
	cert, key := hoststest.Certificate(t)
	for _, tt := range []struct {
		name       string
		warm, tls  int
		change     func(t *testing.T, k *servicetest.Kit, h *hosts.Host)
		wantPlain  int
		wantTLS    int
		wantSame   int // containers that were there before
		wantOthers int // sessions in other states
	}{
		{"nothing to do", 2, 1, func(*testing.T, *servicetest.Kit, *hosts.Host) {}, 2, 1, 3, 0},
		{"lowered", 3, 1, func(_ *testing.T, _ *servicetest.Kit, h *hosts.Host) { h.Warm, h.WarmTLS = 1, 0 }, 1, 0, 1, 0},
		{"switched off", 2, 2, func(_ *testing.T, _ *servicetest.Kit, h *hosts.Host) { h.Warm, h.WarmTLS = 0, 0 }, 0, 0, 0, 0},
		{"drained", 2, 1, func(t *testing.T, k *servicetest.Kit, _ *hosts.Host) {
			if err := k.Store.Drain(t.Context(), "host0", ""); err != nil {
				t.Fatal(err)
			}
		}, 0, 0, 0, 0},
		{"old", 2, 1, func(t *testing.T, k *servicetest.Kit, _ *hosts.Host) {
			exec(t, k, `UPDATE sessions SET started = `+k.DB.SecondsAgo(), 3600)
		}, 2, 1, 0, 0},
		{"another image", 2, 1, func(t *testing.T, k *servicetest.Kit, _ *hosts.Host) {
			k.Hosts[0].ReplaceImage()
			k.Pool.CheckHealth(t.Context())
		}, 2, 1, 0, 0},
		{"another image, not looked at yet", 2, 1, func(_ *testing.T, k *servicetest.Kit, _ *hosts.Host) {
			k.Hosts[0].ReplaceImage()
		}, 2, 1, 3, 0},
		{"one of other settings", 2, 1, func(t *testing.T, k *servicetest.Kit, _ *hosts.Host) {
			exec(t, k, `UPDATE sessions SET settings = 'others' WHERE id = 2`)
		}, 2, 1, 2, 0},
		{"of a program that did not know of settings", 2, 1, func(t *testing.T, k *servicetest.Kit, _ *hosts.Host) {
			exec(t, k, `UPDATE sessions SET settings = ''`)
		}, 2, 1, 0, 0},
		{"almost old", 2, 1, func(t *testing.T, k *servicetest.Kit, _ *hosts.Host) {
			exec(t, k, `UPDATE sessions SET started = `+k.DB.SecondsAgo(), 3000)
		}, 2, 1, 3, 0},
		{"of the other way to reach them", 2, 0, func(t *testing.T, k *servicetest.Kit, _ *hosts.Host) {
			exec(t, k, `UPDATE sessions SET gateway = TRUE`)
		}, 2, 0, 0, 0},
		{"warm-up overdue", 2, 0, func(t *testing.T, k *servicetest.Kit, _ *hosts.Host) {
			exec(t, k, `UPDATE sessions SET state = 'warming', started = `+k.DB.SecondsAgo()+` WHERE id = 1`, 600)
		}, 2, 0, 1, 0},
		{"one taken", 2, 1, func(t *testing.T, k *servicetest.Kit, _ *hosts.Host) {
			if _, _, err := k.Sessions.Allocate(t.Context(), session.Client{IP: "192.0.2.1", UserAgent: "a"}, true); err != nil {
				t.Fatal(err)
			}
		}, 2, 1, 2, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := servicetest.New(t, databasetest.New(t), servicetest.Options{Max: 5, Warm: tt.warm, WarmTLS: tt.tls, TLS: &hosts.TLSFiles{Cert: cert, Key: key}})
			w := newWarmer(t, k.Service)
			h := k.Config.Hosts[0]
			reconcile(t, k, w, h)
			before := make(map[string]bool)
			for _, s := range list(t, k) {
				before[s.ContainerID] = true
			}
			tt.change(t, k, &h)
			reconcile(t, k, w, h)
			plain, tls, same, others := 0, 0, 0, 0
			for _, s := range list(t, k) {
				switch {
				case s.State != session.Warm:
					others++
					continue
				case s.TLS:
					tls++
				default:
					plain++
				}
				if before[s.ContainerID] {
					same++
				}
			}
			if plain != tt.wantPlain || tls != tt.wantTLS || same != tt.wantSame || others != tt.wantOthers {
				t.Errorf("%d plain, %d TLS, %d of them as before, %d others; want %d, %d, %d, %d", plain, tls, same, others, tt.wantPlain, tt.wantTLS, tt.wantSame, tt.wantOthers)
			}
			if n := k.Running(); n != plain+tls+others {
				t.Errorf("%d containers run for %d rows", n, plain+tls+others)
			}
		})
	}
}

// TestHostWithoutCertificateIsLeftAlone: until its files are there, whether they were
// missing from the start or go while it works. Plain containers wait meanwhile, and
// no pass fails, which would be logged each time.
func TestHostWithoutCertificateIsLeftAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "certificates")
	files := &hosts.TLSFiles{Cert: filepath.Join(dir, "cert.crt"), Key: filepath.Join(dir, "private.key")}
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{Max: 5, Warm: 1, WarmTLS: 2, TLS: files})
	w := newWarmer(t, k.Service)
	h := k.Pool.Hosts()[0]
	waits := func(what string, wantTLS, wantStarts int) {
		t.Helper()
		for range 3 {
			reconcile(t, k, w, h)
		}
		tls := 0
		for _, s := range list(t, k) {
			if s.TLS && s.State == session.Warm {
				tls++
			}
		}
		starts := k.Hosts[0].Requests(pretend.OpStart)
		if all := len(list(t, k)); tls != wantTLS || all != wantTLS+1 || starts != wantStarts {
			t.Errorf("%s: %d wait, %d of them for TLS, after %d starts; want %d, %d and %d", what, all, tls, starts, wantTLS+1, wantTLS, wantStarts)
		}
	}
	k.Pool.CheckHealth(t.Context())
	asked := k.Hosts[0].Requests(pretend.OpCreate)
	waits("without files", 0, 1)
	if n := k.Hosts[0].Requests(pretend.OpCreate) - asked; n != 1 {
		t.Errorf("%d creates without files, want the plain one", n)
	}
	cert, key := hoststest.Certificate(t)
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Rename(cert, files.Cert), os.Rename(key, files.Key)); err != nil {
		t.Fatal(err)
	}
	k.Pool.CheckHealth(t.Context())
	waits("with files", 2, 3)
	exec(t, k, "DELETE FROM sessions WHERE tls")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	asked = k.Hosts[0].Requests(pretend.OpCreate)
	waits("after the files went", 0, 3)
	if n := k.Hosts[0].Requests(pretend.OpCreate) - asked; n > 2 {
		t.Errorf("%d creates after the files went, want no more than those that found out", n)
	}
}

// TestAgedAreReplacedOneAtATime: clients can have the others meanwhile.
func TestAgedAreReplacedOneAtATime(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{Max: 5, Warm: 3})
	w := newWarmer(t, k.Service)
	h := k.Config.Hosts[0]
	reconcile(t, k, w, h)
	exec(t, k, `UPDATE sessions SET started = `+k.DB.SecondsAgo(), 3600)
	for more := true; more; {
		var err error
		if more, err = w.Reconcile(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		if n := count(t, k, "host0", session.Warm); n < 2 {
			t.Fatalf("%d wait while aged ones are replaced, want 2 or 3", n)
		}
	}
}

// TestOutdatedAreReplacedOneAtATime: and none is left in the end.
func TestOutdatedAreReplacedOneAtATime(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{Max: 5, Warm: 3})
	w := newWarmer(t, k.Service)
	h := k.Config.Hosts[0]
	reconcile(t, k, w, h)
	k.Hosts[0].ReplaceImage()
	k.Pool.CheckHealth(t.Context())
	for more := true; more; {
		var err error
		if more, err = w.Reconcile(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		if n := count(t, k, "host0", session.Warm); n < 2 {
			t.Fatalf("%d wait while outdated ones are replaced, want 2 or 3", n)
		}
	}
	for _, s := range list(t, k) {
		if !k.Sessions.IsCurrent(&s) {
			t.Errorf("session %d waits with other settings than a new one gets", s.ID)
		}
	}
}

// TestFailingHostDisturbsNobody: the others get what they should have, and what
// fails leaves no rows.
func TestFailingHostDisturbsNobody(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{Hosts: 2, Max: 5, Warm: 1, Watch: true})
	k.Hosts[0].FailNext("create", 500, "no space left on device", 1000)
	run(t, newWarmer(t, k.Service))
	eventually(t, "it has failed", func() bool { return k.Hosts[0].Requests("create") > 0 })
	eventually(t, "the other host has one", func() bool { return count(t, k, "host1", session.Warm) == 1 })
	if len(list(t, k)) > 2 { // one of them is the next attempt
		t.Errorf("rows are left: %+v", list(t, k))
	}
}

// TestDisabledStopsWhatWaits: but not what another replica maintains, and one that
// is to keep containers warm begins at once.
func TestDisabledStopsWhatWaits(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{Warm: 2, Watch: true})
	stop := run(t, newWarmer(t, k.Service))
	eventually(t, "two wait", func() bool { return count(t, k, "host0", session.Warm) == 2 })
	before := list(t, k)

	cfg := *k.Config
	cfg.Hosts = slices.Clone(cfg.Hosts)
	cfg.Hosts[0].Warm = 0
	disabled := newWarmer(t, servicetest.Open(t, k.DB, &cfg))
	asked := &leaseWatcher{Store: disabled.Store}
	disabled.Store = asked
	stopDisabled := run(t, disabled)
	eventually(t, "it asked for the lease", func() bool { return asked.refused.Load() > 0 })
	stopDisabled()
	if now := list(t, k); len(now) != 2 || now[0].ID != before[0].ID || now[1].ID != before[1].ID {
		t.Fatalf("beside a replica without any %+v wait, want the same two", now)
	}
	stop()
	run(t, disabled)
	eventually(t, "none waits", func() bool { return len(list(t, k)) == 0 && k.Running() == 0 })
	run(t, newWarmer(t, k.Service))
	eventually(t, "two wait again", func() bool { return count(t, k, "host0", session.Warm) == 2 })
}

// A leaseWatcher counts how often the lease was somebody else's.
type leaseWatcher struct {
	warm.Store
	refused atomic.Int64
}

// Lease implements [warm.Store].
func (l *leaseWatcher) Lease(ctx context.Context, job, holder string, term time.Duration) (bool, error) {
	got, err := l.Store.Lease(ctx, job, holder, term)
	if !got && err == nil {
		l.refused.Add(1)
	}
	return got, err
}
