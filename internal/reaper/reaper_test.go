package reaper_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"wrpdistributor/internal/bubbletest"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/reaper"
	"wrpdistributor/internal/reminder"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

const idle = 10 * time.Minute

func clientNo(i int) session.Client {
	return session.Client{IP: fmt.Sprintf("192.0.2.%d", i), UserAgent: "AmiFox"}
}

// allocate starts a session for each of n clients, a few at a time: on a busy
// machine many at once take longer than a host may take to answer.
func allocate(t *testing.T, k *servicetest.Kit, n int) []*session.Session {
	t.Helper()
	list := make([]*session.Session, n)
	var g errgroup.Group
	g.SetLimit(4)
	for i := range n {
		g.Go(func() (err error) {
			list[i], _, err = k.Sessions.Allocate(t.Context(), clientNo(i), false)
			return err
		})
	}
	must(t, g.Wait())
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

func want(t *testing.T, k *servicetest.Kit, r *reaper.Report, stopped, failed, orphans, rows, running int) {
	t.Helper()
	if r.Stopped != stopped || r.Failed != failed || r.Orphans != orphans || r.Sessions != stopped+failed {
		t.Errorf("report = %+v; want %d stopped, %d failed, %d orphans", r, stopped, failed, orphans)
	}
	all, err := k.Store.All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != rows || k.Running() != running {
		t.Errorf("%d rows and %d containers are left, want %d and %d", len(all), k.Running(), rows, running)
	}
}

// TestPassStopsIdleSessions: a session is idle from the limit on, and --all stops
// the others, too.
func TestPassStopsIdleSessions(t *testing.T) {
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

// TestConcurrentPassesDoNotDisturbEachOther: together they stop every session, and
// none of them takes what another did for a problem.
func TestConcurrentPassesDoNotDisturbEachOther(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := servicetest.New(t, db, servicetest.Options{Hosts: 2, Max: 10, Strategy: hosts.Equal})
		age(t, k, 10, allocate(t, k, 20)...)
		var wg sync.WaitGroup
		var mu sync.Mutex
		stopped := 0
		for range 4 {
			wg.Go(func() {
				r := pass(t, k, reaper.Options{Idle: idle})
				mu.Lock()
				defer mu.Unlock()
				stopped += r.Stopped
				if len(r.Problems) > 0 {
					t.Errorf("problems: %q", r.Problems)
				}
			})
		}
		wg.Wait()
		if stopped < 20 || k.Running() != 0 {
			t.Errorf("%d stopped, %d run; want at least 20 and none", stopped, k.Running())
		}
	})
}

// TestSessionUsedMeanwhileStays: a session was idle when the pass read it, and is
// used before the pass stops it.
func TestSessionUsedMeanwhileStays(t *testing.T) {
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
	if stopped, err := k.Sessions.StopIdle(t.Context(), &list[0], 10*time.Minute); stopped || err != nil {
		t.Errorf("StopIdle = %t, %v; want it to stay", stopped, err)
	}
	want(t, k, &reaper.Report{}, 0, 0, 0, 1, 1)
}

// TestPassRepairsWhatCrashesLeave: one pass is enough, and what may be a start
// under way is left alone.
func TestPassRepairsWhatCrashesLeave(t *testing.T) {
	exec := func(t *testing.T, k *servicetest.Kit, query string) {
		t.Helper()
		if _, err := k.DB.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name    string
		crash   func(t *testing.T, k *servicetest.Kit, s *session.Session)
		stopped int
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
		{"start overdue, container runs", func(t *testing.T, k *servicetest.Kit, s *session.Session) {
			exec(t, k, `UPDATE sessions SET state = 'starting', wrpContainerId = NULL`)
			age(t, k, 1, s)
		}, 1, 0, 0, 0},
		{"claim overdue, no container", func(t *testing.T, k *servicetest.Kit, s *session.Session) {
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
			k := servicetest.New(t, databasetest.New(t), servicetest.Options{StartTimeout: 50 * time.Second})
			s := allocate(t, k, 1)[0]
			tt.crash(t, k, s)
			want(t, k, pass(t, k, reaper.Options{Idle: idle}), tt.stopped, 0, tt.orphans, tt.rows, tt.running)
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestIDThatComesAgainKeepsNoOrphan: a database that was restored gives an id a second
// time. A container of its first time is an orphan all the same.
func TestIDThatComesAgainKeepsNoOrphan(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := servicetest.New(t, db, servicetest.Options{Hosts: 2})
		k.Reaper.Grace = 0
		s := allocate(t, k, 1)[0]
		earlier := hosts.Spec{Ref: hosts.Ref{Host: "host1", Name: "wrp_earlier", Session: s.ID, Nonce: "earlier"}, Port: 9090}
		id, err := k.Pool.Create(t.Context(), earlier)
		must(t, err)
		earlier.ID = id
		must(t, k.Pool.Start(t.Context(), earlier.Ref))
		want(t, k, pass(t, k, reaper.Options{}), 0, 0, 1, 1, 1)
		if list := k.Hosts[0].Containers(); len(list) != 1 || list[0].ID != s.ContainerID {
			t.Errorf("containers on the session's host: %+v, want its own", list)
		}
	})
}

// TestOrphansAreRemovedButNothingForeign: containers of ours that no session knows
// go after the grace. Those of other databases, and those without labels, stay.
func TestOrphansAreRemovedButNothingForeign(t *testing.T) {
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
		t.Errorf("foreign containers were removed, left are %q", names)
	}
}

// TestOrphanOfAClockThatWasAheadIsRemoved, and not only when that time has come.
func TestOrphanOfAClockThatWasAheadIsRemoved(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{})
	k.Reaper.Grace = time.Hour
	k.Hosts[0].SetClock(50 * 365 * 24 * time.Hour)
	allocate(t, k, 1)
	if _, err := k.DB.ExecContext(t.Context(), `DELETE FROM sessions`); err != nil {
		t.Fatal(err)
	}
	want(t, k, pass(t, k, reaper.Options{}), 0, 0, 0, 0, 1)
	k.Hosts[0].SetClock(0)
	want(t, k, pass(t, k, reaper.Options{}), 0, 0, 1, 0, 0)
}

// TestManyOrphansThatStayAreFewProblems: a host that shows more and more of them fills
// neither the report nor the log.
func TestManyOrphansThatStayAreFewProblems(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{})
	k.Reaper.Grace = 0
	s := allocate(t, k, 1)[0]
	label := ""
	for _, c := range k.Hosts[0].Containers() {
		label = c.Labels["wrpdistributor.database"]
	}
	for i := range 30 {
		if _, err := k.Hosts[0].ForeignContainer(fmt.Sprintf("wrp_orphan_%d", i), map[string]string{"wrpdistributor.database": label}, 0); err != nil {
			t.Fatal(err)
		}
	}
	k.Hosts[0].FailNext(pretend.OpRemove, 500, "no", 100)
	r := pass(t, k, reaper.Options{})
	if len(r.Problems) != 11 || !strings.Contains(strings.Join(r.Problems, "\n"), "20 more could not be removed") {
		t.Errorf("%d problems, want ten containers and one for the others: %q", len(r.Problems), r.Problems)
	}
	if n := len(k.Hosts[0].Containers()); n != 31 {
		t.Errorf("%d containers, want all, and that of session %d", n, s.ID)
	}
}

// TestBadHostsLoseNothing: the sessions of a host that cannot be asked, and of one
// that is not configured, stay as they are, and those of other hosts are stopped.
func TestBadHostsLoseNothing(t *testing.T) {
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
	dry := pass(t, k, reaper.Options{Idle: idle, DryRun: true})
	if len(dry.Planned) != 4-down || dry.Failed != down {
		t.Errorf("a dry run plans %q and says that %d fail, want %d and %d", dry.Planned, dry.Failed, 4-down, down)
	}
	r := pass(t, k, reaper.Options{Idle: idle})
	want(t, k, r, 4-down, down, 0, down, down)
	if text := strings.Join(r.Problems, "\n"); !strings.Contains(text, "Host host0 could not be asked") || strings.Contains(text, "left as they are: list") || strings.Contains(text, "left as they are: host is") {
		t.Errorf("problems = %q", r.Problems)
	}
	if _, err := k.DB.ExecContext(t.Context(), `UPDATE sessions SET containerHost = 'old.example'`); err != nil {
		t.Fatal(err)
	}
	r = pass(t, k, reaper.Options{Idle: idle, All: true})
	want(t, k, r, 0, 0, 0, down, down)
	if text := strings.Join(r.Problems, "\n"); !strings.Contains(text, "cleanup --forget-host old.example") {
		t.Errorf("problems = %q, want the command that forgets the host", r.Problems)
	}
	if n, err := k.Store.Forget(t.Context(), "old.example"); err != nil || n != int64(down) {
		t.Errorf("Forget = %d, %v; want %d", n, err, down)
	}
}

// TestRunEndsWithItsContext: it cleans until it is told to end, which is no error.
func TestRunEndsWithItsContext(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{})
	age(t, k, 60, allocate(t, k, 1)...)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	opt := reaper.Options{Idle: idle, Progress: func(int, int) {
		if k.Running() == 0 {
			cancel()
		}
	}}
	if err := k.Reaper.Run(ctx, time.Millisecond, opt); err != nil {
		t.Errorf("Run = %v", err)
	}
	want(t, k, &reaper.Report{}, 0, 0, 0, 0, 0)
}

// brokenStore counts how often a pass begins.
type brokenStore struct {
	reaper.Store
	passes int
}

// All implements [reaper.Store].
func (s *brokenStore) All(context.Context) ([]session.Session, error) {
	s.passes++
	return nil, errors.New("database is away")
}

// TestRunGoesOnAfterFailedPasses: the next is made after the interval, as always.
func TestRunGoesOnAfterFailedPasses(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		store := &brokenStore{}
		r := &reaper.Reaper{Store: store, Pool: noHosts(t), Log: slog.New(slog.DiscardHandler)}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour+time.Second)
		defer cancel()
		if err := r.Run(ctx, time.Minute, reaper.Options{}); err != nil || store.passes != 60 {
			t.Errorf("Run = %v after %d passes, want nil after 60 in an hour", err, store.passes)
		}
	})
}

func noHosts(t *testing.T) *hosts.Pool {
	t.Helper()
	pool, err := hosts.New(hosts.Config{})
	must(t, err)
	return pool
}

// TestWarmContainersAreNoSessions: in what a pass reports.
func TestWarmContainersAreNoSessions(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{Max: 5})
	allocate(t, k, 1)
	for n := range 2 {
		if started, err := k.Sessions.StartWarm(t.Context(), "host0", false, n+1); err != nil || !started {
			t.Fatalf("StartWarm = %t, %v", started, err)
		}
	}
	r := pass(t, k, reaper.Options{All: true})
	want(t, k, r, 1, 0, 0, 0, 0)
	if r.Warm != 2 {
		t.Errorf("%d warm containers were stopped, want 2", r.Warm)
	}
	slices.Sort(r.Endings)
	for i, want := range []string{"Session 1 of 192.0.2.0#", "Warm container 2 on host0:", "Warm container 3 on host0:"} {
		if len(r.Endings) != 3 || !strings.HasPrefix(r.Endings[i], want) || !strings.HasSuffix(r.Endings[i], " was stopped: cleanup was told to stop all.") {
			t.Errorf("endings = %q, want %q", r.Endings, want)
		}
	}
}

// TestProblemsThatLastAreNoNews: a pass every minute says them once an hour. Others, or
// fewer, are said at once.
func TestProblemsThatLastAreNoNews(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		var trouble reminder.Trouble
		one, two := &reaper.Report{Problems: []string{"a"}}, &reaper.Report{Problems: []string{"b", "a"}}
		for i, tt := range []struct {
			report *reaper.Report
			want   bool
		}{
			{&reaper.Report{}, false},
			{&reaper.Report{Warm: 1}, true},
			{one, true},
			{one, false},
			{&reaper.Report{Problems: []string{"a"}, Orphans: 1}, true},
			{two, true},
			{&reaper.Report{Problems: []string{"a", "b"}}, false},
			{&reaper.Report{}, false},
			{one, true},
		} {
			time.Sleep(time.Minute)
			if got := tt.report.IsNews(&trouble); got != tt.want {
				t.Errorf("pass %d, %+v: news %t, want %t", i, tt.report, got, tt.want)
			}
		}
		time.Sleep(reminder.Every)
		if !one.IsNews(&trouble) {
			t.Error("nobody is reminded after an hour")
		}
	})
}
