package warm_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/reaper"
	"wrpdistributor/internal/service"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
	"wrpdistributor/internal/warm"
)

func keeper(t *testing.T, svc *service.Service) *warm.Warmer {
	t.Helper()
	return &warm.Warmer{Sessions: svc.Sessions, Store: svc.Store, Pool: svc.Pool, MaxAge: time.Hour, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

// keep runs a keeper until the returned function is called.
func keep(t *testing.T, k *warm.Warmer) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx) }()
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
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
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

// passes makes passes until there is nothing more to do.
func passes(t *testing.T, k *servicetest.Kit, keeper *warm.Warmer, h hosts.Host) {
	t.Helper()
	k.Pool.AwaitFirstCheck(t.Context())
	for more := true; more; {
		var err error
		if more, err = keeper.Reconcile(t.Context(), h); err != nil {
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

// TestRun: what is missing comes, what is taken is replaced, and a host that was
// away gets its containers when it is back.
func TestRun(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := servicetest.New(t, db, servicetest.Options{Hosts: 2, Max: 5, Warm: 3, Watch: true})
		stop := keep(t, keeper(t, k.Service))
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
		eventually(t, "three wait again", func() bool { return count(t, k, "host0", session.Warm) == 3 })
		stop()
		if n := k.Running(); n < 6 {
			t.Errorf("%d containers run after the keeper ended, want them to be left for the next", n)
		}
	})
}

// TestRelease: they end with the keeper, if it is to be so.
func TestRelease(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{Warm: 2, Watch: true})
	keeper := keeper(t, k.Service)
	keeper.Release = true
	stop := keep(t, keeper)
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

// TestReplicas: several keepers on one database, one of which goes away.
func TestReplicas(t *testing.T) {
	for _, dialect := range []string{"sqlite", "mysql"} {
		cfg := databasetest.Config(t, dialect)
		k := servicetest.New(t, databasetest.Open(t, cfg), servicetest.Options{Max: 6, Warm: 3, Watch: true})
		stop := keep(t, keeper(t, k.Service))
		for range 2 {
			svc := servicetest.Open(t, databasetest.Open(t, cfg), k.Config)
			svc.Pool.AwaitFirstCheck(t.Context())
			keep(t, keeper(t, svc))
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
		eventually(t, "another keeps three", func() bool {
			most = max(most, len(list(t, k)))
			return count(t, k, "host0", session.Warm) == 3
		})
		if most > 3 {
			t.Errorf("there were %d containers that waited, want never more than 3", most)
		}
	}
}

// TestPass: the differences that a pass corrects.
func TestPass(t *testing.T) {
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
		{"almost old", 2, 1, func(t *testing.T, k *servicetest.Kit, _ *hosts.Host) {
			exec(t, k, `UPDATE sessions SET started = `+k.DB.SecondsAgo(), 3000)
		}, 2, 1, 3, 0},
		{"of another way to run", 2, 0, func(t *testing.T, k *servicetest.Kit, _ *hosts.Host) {
			exec(t, k, `UPDATE sessions SET gateway = TRUE`)
		}, 2, 0, 0, 0},
		{"preparation given up", 2, 0, func(t *testing.T, k *servicetest.Kit, _ *hosts.Host) {
			exec(t, k, `UPDATE sessions SET state = 'warming', started = `+k.DB.SecondsAgo()+` WHERE id = 1`, 60)
		}, 2, 0, 1, 0},
		{"one taken", 2, 1, func(t *testing.T, k *servicetest.Kit, _ *hosts.Host) {
			if _, _, err := k.Sessions.Allocate(t.Context(), session.Client{IP: "192.0.2.1", UserAgent: "a"}, true); err != nil {
				t.Fatal(err)
			}
		}, 2, 1, 2, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := servicetest.New(t, databasetest.New(t), servicetest.Options{Max: 5, Warm: tt.warm, WarmTLS: tt.tls, TLS: &hosts.TLSFiles{Cert: cert, Key: key}})
			keeper := keeper(t, k.Service)
			h := k.Config.Hosts[0]
			passes(t, k, keeper, h)
			before := make(map[string]bool)
			for _, s := range list(t, k) {
				before[s.ContainerID] = true
			}
			tt.change(t, k, &h)
			passes(t, k, keeper, h)
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

// TestOneOldAtATime: replacing old containers leaves the others to be had.
func TestOneOldAtATime(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{Max: 5, Warm: 3})
	keeper := keeper(t, k.Service)
	h := k.Config.Hosts[0]
	passes(t, k, keeper, h)
	exec(t, k, `UPDATE sessions SET started = `+k.DB.SecondsAgo(), 3600)
	for more := true; more; {
		var err error
		if more, err = keeper.Reconcile(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		if n := count(t, k, "host0", session.Warm); n < 2 {
			t.Fatalf("%d wait while old ones are replaced, want 2 or 3", n)
		}
	}
}

// TestFailingHost: what fails is not tried all the time, and a host that is down
// is left as it is.
func TestFailingHost(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{Hosts: 2, Max: 5, Warm: 1, Watch: true})
	k.Hosts[0].FailNext("create", 500, "no space left on device", 1000)
	keep(t, keeper(t, k.Service))
	eventually(t, "it has failed", func() bool { return k.Hosts[0].Requests("create") > 0 })
	eventually(t, "the other host has one", func() bool { return count(t, k, "host1", session.Warm) == 1 })
	before := k.Hosts[0].Requests("create")
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	<-ctx.Done()
	if n := k.Hosts[0].Requests("create") - before; n > 3 {
		t.Errorf("%d more attempts within 1.5 s, want a pause between them", n)
	}
	if len(list(t, k)) > 2 {
		t.Errorf("rows are left: %+v", list(t, k))
	}
}

// TestOff: what waits when nothing is to is ended, but for what another process
// keeps; one that is to keep some begins at once.
func TestOff(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{Warm: 2, Watch: true})
	stop := keep(t, keeper(t, k.Service))
	eventually(t, "two wait", func() bool { return count(t, k, "host0", session.Warm) == 2 })
	off := *k.Config
	off.Hosts = slices.Clone(off.Hosts)
	off.Hosts[0].Warm = 0
	other := servicetest.Open(t, k.DB, &off)
	before := list(t, k)
	leave := keep(t, keeper(t, other))
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	for ctx.Err() == nil { // it must not do anything at any time
		if now := list(t, k); len(now) != 2 || now[0].ID != before[0].ID || now[1].ID != before[1].ID {
			t.Fatalf("beside a process without any %+v wait, want the same two", now)
		}
	}
	leave()
	stop()
	keep(t, keeper(t, other))
	eventually(t, "none waits", func() bool { return len(list(t, k)) == 0 && k.Running() == 0 })
	keep(t, keeper(t, k.Service))
	eventually(t, "two wait again", func() bool { return count(t, k, "host0", session.Warm) == 2 })
}

// TestDatabaseAway: it is said once, however long it lasts, and so is the end.
func TestDatabaseAway(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{Warm: 1, Watch: true})
	keeper := keeper(t, k.Service)
	said := &journal{}
	keeper.Log = slog.New(slog.NewTextHandler(said, nil))
	keep(t, keeper)
	eventually(t, "one waits", func() bool { return count(t, k, "host0", session.Warm) == 1 })
	exec(t, k, `ALTER TABLE leases RENAME TO leases_away`)
	eventually(t, "it is said", func() bool { return said.count("until the database answers") > 0 })
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // two more attempts
	defer cancel()
	<-ctx.Done()
	if n := said.count("until the database answers"); n != 1 {
		t.Errorf("it is said %d times, want once", n)
	}
	exec(t, k, `ALTER TABLE leases_away RENAME TO leases`)
	eventually(t, "the end is said", func() bool { return said.count("kept warm again") == 1 })
}

// A journal is a log that can be searched. It is safe for concurrent use.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements [io.Writer].
func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) count(words string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.text.String(), words)
}
