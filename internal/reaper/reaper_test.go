package reaper_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/reaper"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

const idle = 10 * time.Minute

func clientNo(i int) session.Client {
	return session.Client{IP: fmt.Sprintf("192.0.2.%d", i), UserAgent: "AmiFox"}
}

// allocate starts a session for each of n clients.
func allocate(t *testing.T, k *servicetest.Kit, n int) []*session.Session {
	t.Helper()
	list := make([]*session.Session, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			s, _, err := k.Sessions.Allocate(t.Context(), clientNo(i), false)
			if err != nil {
				t.Error(err)
			}
			list[i] = s
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return list
}

// age makes sessions look as if nothing happened to them for some minutes.
func age(t *testing.T, k *servicetest.Kit, minutes int, sessions ...*session.Session) {
	t.Helper()
	for _, s := range sessions {
		_, err := k.DB.ExecContext(t.Context(), `UPDATE sessions SET started = `+k.DB.SecondsAgo()+`, lastUsed = CASE WHEN lastUsed IS NULL THEN NULL ELSE `+k.DB.SecondsAgo()+` END WHERE id = ?`, minutes*60, minutes*60, s.ID)
		if err != nil {
			t.Fatal(err)
		}
	}
}

func pass(t *testing.T, k *servicetest.Kit, opt reaper.Options) *reaper.Report {
	t.Helper()
	r, err := k.Reaper.Reconcile(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func want(t *testing.T, k *servicetest.Kit, r *reaper.Report, ended, failed, orphans, rows, running int) {
	t.Helper()
	if r.Stopped != ended || r.Failed != failed || r.Orphans != orphans || r.Sessions != ended+failed {
		t.Errorf("report = %+v; want %d ended, %d failed, %d orphans", r, ended, failed, orphans)
	}
	all, err := k.Store.All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != rows || k.Running() != running {
		t.Errorf("%d rows and %d containers are left, want %d and %d", len(all), k.Running(), rows, running)
	}
}

func TestIdle(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := servicetest.New(t, db, servicetest.Options{Hosts: 2, Max: 30, Strategy: hosts.Equal})
		sessions := allocate(t, k, 55)
		age(t, k, 10, sessions[:50]...) // at the limit counts as idle
		age(t, k, 9, sessions[50:]...)
		r := pass(t, k, reaper.Options{Idle: idle})
		want(t, k, r, 50, 0, 0, 5, 5)
		if got := r.Summary(); got != "Cleanup of 50 sessions finished, 50 sessions terminated successfully - 0 sessions failed to terminate." {
			t.Errorf("summary = %q", got)
		}
		want(t, k, pass(t, k, reaper.Options{Idle: idle}), 0, 0, 0, 5, 5)
		want(t, k, pass(t, k, reaper.Options{All: true}), 5, 0, 0, 0, 0)
	})
}

// TestDecision06SeveralPasses: passes that run at once end every session once.
func TestDecision06SeveralPasses(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := servicetest.New(t, db, servicetest.Options{Hosts: 2, Max: 10, Strategy: hosts.Equal})
		age(t, k, 10, allocate(t, k, 20)...)
		var wg sync.WaitGroup
		var mu sync.Mutex
		ended := 0
		for range 4 {
			wg.Go(func() {
				r := pass(t, k, reaper.Options{Idle: idle})
				mu.Lock()
				defer mu.Unlock()
				ended += r.Stopped
				if len(r.Problems) > 0 {
					t.Errorf("problems: %q", r.Problems)
				}
			})
		}
		wg.Wait()
		if ended < 20 || k.Running() != 0 {
			t.Errorf("%d ended, %d run; want 20 and none", ended, k.Running())
		}
	})
}

// TestDecision11UsedMeanwhile: a session that is used after the pass saw it idle
// stays.
func TestDecision11UsedMeanwhile(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{})
	sessions := allocate(t, k, 1)
	age(t, k, 11, sessions...)
	list, err := k.Store.Idle(t.Context(), 10*time.Minute)
	if err != nil || len(list) != 1 {
		t.Fatalf("Idle = %v, %v", list, err)
	}
	if err := k.Sessions.Touch(t.Context(), clientNo(0)); err != nil {
		t.Fatal(err)
	}
	if ended, err := k.Sessions.StopIdle(t.Context(), &list[0], 10*time.Minute); ended || err != nil {
		t.Errorf("Expire = %t, %v; want it to stay", ended, err)
	}
	want(t, k, &reaper.Report{}, 0, 0, 0, 1, 1)
}

// TestDecision10Repairs: what crashes leave behind is corrected by one pass.
func TestDecision10Repairs(t *testing.T) {
	exec := func(t *testing.T, k *servicetest.Kit, query string) {
		t.Helper()
		if _, err := k.DB.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name    string
		crash   func(t *testing.T, k *servicetest.Kit, s *session.Session)
		ended   int
		orphans int
		rows    int
		running int
	}{
		{"container died", func(_ *testing.T, k *servicetest.Kit, s *session.Session) { k.Hosts[0].KillContainer(s.ContainerID) }, 1, 0, 0, 0},
		{"stop not finished", func(t *testing.T, k *servicetest.Kit, _ *session.Session) {
			exec(t, k, `UPDATE sessions SET state = 'stopping', identity = NULL`)
		}, 1, 0, 0, 0},
		{"fresh start under way", func(t *testing.T, k *servicetest.Kit, _ *session.Session) {
			exec(t, k, `UPDATE sessions SET state = 'starting', wrpContainerId = NULL`)
		}, 0, 0, 1, 1},
		{"start given up, container runs", func(t *testing.T, k *servicetest.Kit, s *session.Session) {
			exec(t, k, `UPDATE sessions SET state = 'starting', wrpContainerId = NULL`)
			age(t, k, 1, s)
		}, 1, 0, 0, 0},
		{"claim given up, no container", func(t *testing.T, k *servicetest.Kit, s *session.Session) {
			must(t, k.Pool.Remove(t.Context(), hosts.Ref{Host: s.Host, ID: s.ContainerID}))
			exec(t, k, `UPDATE sessions SET state = 'claimed', wrpContainerId = NULL`)
			age(t, k, 1, s)
		}, 1, 0, 0, 0},
		{"stopping, request may be under way", func(t *testing.T, k *servicetest.Kit, _ *session.Session) {
			exec(t, k, `UPDATE sessions SET state = 'stopping', identity = NULL, wrpContainerId = NULL`)
		}, 0, 0, 1, 1},
		{"container without row, young", func(t *testing.T, k *servicetest.Kit, _ *session.Session) {
			exec(t, k, `DELETE FROM sessions`)
		}, 0, 0, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := servicetest.New(t, databasetest.New(t), servicetest.Options{})
			s := allocate(t, k, 1)[0]
			tt.crash(t, k, s)
			want(t, k, pass(t, k, reaper.Options{Idle: idle}), tt.ended, 0, tt.orphans, tt.rows, tt.running)
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestDecision01Orphans: containers that no session knows go after the grace; those of
// other databases, and those without a label, are nobody's business.
func TestDecision01Orphans(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{Max: 9})
	k.Reaper.Grace = 0
	allocate(t, k, 3)
	if _, err := k.DB.ExecContext(t.Context(), `DELETE FROM sessions WHERE clientIp <> '192.0.2.0'`); err != nil {
		t.Fatal(err)
	}
	for name, labels := range map[string]map[string]string{
		"wrp_session_1": nil,
		"wrp_other_1":   {"wrpdistributor.database": "another", "wrpdistributor.session": "1"},
	} {
		if _, err := k.Hosts[0].ForeignContainer(name, labels, 0); err != nil {
			t.Fatal(err)
		}
	}
	dry := pass(t, k, reaper.Options{DryRun: true})
	if len(dry.Planned) != 2 {
		t.Errorf("a dry run plans %q, want two removals", dry.Planned)
	}
	want(t, k, dry, 0, 0, 0, 1, 5)
	want(t, k, pass(t, k, reaper.Options{NoOrphans: true}), 0, 0, 0, 1, 5)
	want(t, k, pass(t, k, reaper.Options{}), 0, 0, 2, 1, 3)
	names := []string{}
	for _, c := range k.Hosts[0].Containers() {
		names = append(names, c.Name)
	}
	if !slices.Contains(names, "wrp_session_1") || !slices.Contains(names, "wrp_other_1") {
		t.Errorf("strangers were removed, left are %q", names)
	}
}

// TestDecision20BadHosts: a host that cannot be asked, and one that nobody knows, lose
// nothing and keep nobody else from being cleaned.
func TestDecision20BadHosts(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{Hosts: 2, Max: 2})
	sessions := allocate(t, k, 4)
	age(t, k, 60, sessions...)
	down := 0
	for _, s := range sessions {
		if s.Host == "host0" {
			down++
		}
	}
	must(t, k.Hosts[0].SetDown(true))
	r := pass(t, k, reaper.Options{Idle: idle})
	want(t, k, r, 4-down, down, 0, down, down)
	if text := strings.Join(r.Problems, "\n"); !strings.Contains(text, "Host host0 could not be asked") {
		t.Errorf("problems = %q", r.Problems)
	}
	if _, err := k.DB.ExecContext(t.Context(), `UPDATE sessions SET containerHost = 'old.example'`); err != nil {
		t.Fatal(err)
	}
	r = pass(t, k, reaper.Options{Idle: idle, All: true})
	want(t, k, r, 0, 0, 0, down, down)
	if text := strings.Join(r.Problems, "\n"); !strings.Contains(text, "cleanup --forget-host old.example") {
		t.Errorf("problems = %q, want the sentence that mends it", r.Problems)
	}
	if n, err := k.Store.Forget(t.Context(), "old.example"); err != nil || n != int64(down) {
		t.Errorf("Forget = %d, %v; want %d", n, err, down)
	}
}

func TestRunStops(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{})
	age(t, k, 60, allocate(t, k, 1)...)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- k.Reaper.Run(ctx, time.Millisecond, reaper.Options{Idle: idle}) }()
	for k.Running() > 0 {
		time.Sleep(time.Millisecond) // until a pass was made
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
}
