package operator_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/service/servicetest"
)

// TestOutageIsToldInTheStatus: a file whose lock others keep, before and after the heartbeat
// has noticed; that nothing is counted is told by nothing being there. Other routes say the
// same.
func TestOutageIsToldInTheStatus(t *testing.T) {
	t.Parallel()
	cfg := databasetest.Config(t, "sqlite")
	k := servicetest.New(t, databasetest.Open(t, cfg), servicetest.Options{})
	register(t, k.DB, k.Process)
	var failing error
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	h := operator.Handler(operator.Config{
		Sessions: k.Sessions, Store: k.Store, Processes: k.DB.Known, DB: k.DB, StopNow: k.Reaper.StopNow, Database: cfg, Process: k.Process,
		Failing: func() (time.Time, error) { return since, failing }, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	busy, err := k.DB.Conn(t.Context()) // as a write that waits for its turn has the one connection
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	wantSaid(t, "nobody has noticed", h, "false Nobody gets a new session: the database does not answer.", "The database sqlite "+cfg.Path, "no answer within 1.5s")
	failing = database.ErrLocked
	wantSaid(t, "the heartbeat has noticed", h, "false Nobody gets a new session: the database takes no writes.",
		"takes no writes since 2026-01-02 03:04:05 UTC: another process", "-> fuser -v '"+cfg.Path+"'")
	answer := get[map[string]any](t, h, operator.Call{Path: operator.StatusPath})
	if _, counted := answer["free"]; counted || len(answer["processes"].([]any)) != 1 || answer["outage"].(map[string]any)["database"] != "sqlite "+cfg.Path {
		t.Errorf("the status is %v; want no free slots, the process that answers, and the database's name", answer)
	}
	wantProblem(t, h, operator.Call{Path: operator.SessionsPath}, "unavailable", "takes no writes since 2026-01-02 03:04:05 UTC")
	wantProblem(t, h, operator.Call{Method: "POST", Path: operator.PausePath}, "unavailable", "fuser -v")
}

// TestLockIsKnownAtOnce: another process has SQLite's write lock since a moment ago, and the
// last heartbeat was well. The status has a write tried, and says so.
func TestLockIsKnownAtOnce(t *testing.T) {
	t.Parallel()
	cfg := databasetest.Config(t, "sqlite")
	k := servicetest.New(t, databasetest.Open(t, cfg), servicetest.Options{})
	register(t, k.DB, k.Process)
	k.Pool.CheckHealth(t.Context())
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	heartbeat := database.NewHeartbeat(k.DB, k.Process, log)
	done := make(chan error)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { done <- heartbeat.Run(ctx) }()
	defer func() { cancel(); <-done }()
	h := operator.Handler(operator.Config{
		Sessions: k.Sessions, Store: k.Store, Processes: k.DB.Known, DB: k.DB, StopNow: k.Reaper.StopNow, Database: cfg, Process: k.Process,
		Writable: heartbeat.Try, Failing: heartbeat.Failing, Log: log,
	})
	until := func(want string) (got string) {
		t.Helper()
		for began := time.Now(); !strings.HasPrefix(got, want); {
			if time.Since(began) > time.Minute {
				t.Fatalf("the status is\n%s\nwant %s", got, want)
			}
			got = said(get[operator.Status](t, h, operator.Call{Path: operator.StatusPath}))
		}
		return got
	}
	until("true A client can get a session now")
	lock := databasetest.Open(t, cfg).MustBegin()
	got := until("false Nobody gets a new session: the database takes no writes.")
	if !strings.Contains(got, "takes no writes: another process seems to keep its write lock") { // else: since when
		t.Errorf("the status is\n%s\nwant the lock, before the heartbeat has noticed", got)
	}
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
	until("true A client can get a session now")
}

// TestServiceThatWaitsAnswers what it knows without its database.
func TestServiceThatWaitsAnswers(t *testing.T) {
	t.Parallel()
	refused := errors.New("connection refused")
	h := operator.Handler(operator.Config{
		Database: database.Config{Path: "/d/x.db"}, Process: database.Process{ID: "1", Kind: "distributor"},
		Failing: func() (time.Time, error) { return time.Now(), refused }, Log: slog.New(slog.DiscardHandler),
	})
	wantSaid(t, "it waits", h, "false Nobody gets a new session: the database does not answer.", "sqlite /d/x.db", "connection refused", "begins by itself")
	wantProblem(t, h, operator.Call{Path: operator.HostsPath}, "unavailable", "connection refused")
	if s := get[operator.Status](t, h, operator.Call{Path: operator.StatusPath}); s.Outage == nil || !s.Outage.Waits || len(s.Processes) != 1 || !s.Processes[0].Answers {
		t.Errorf("the status is %+v; want that the service waits, and which process does", s)
	}
}

// TestWhoAnswersLives whatever the heartbeats say, and so does who has a control socket.
func TestWhoAnswersLives(t *testing.T) {
	t.Parallel()
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{})
	other := k.Process
	other.ID = strings.Repeat("b", 32)
	register(t, k.DB, k.Process)
	register(t, k.DB, other)
	if _, err := k.DB.Exec(`UPDATE processes SET seen = `+k.DB.SecondsAgo(), 3600); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "run")
	h := operator.Handler(operator.Config{
		Sessions: k.Sessions, Store: k.Store, Processes: k.DB.Known, DB: k.DB, StopNow: k.Reaper.StopNow, Process: k.Process,
		Lives: func(process string) bool { return operator.Lives(folder, process) }, Log: slog.New(slog.DiscardHandler),
	})
	k.Pool.CheckHealth(t.Context())
	wantSaid(t, "the other was killed", h, "true A client can get a session now", "was last seen")
	defer run(t, folder, other.ID, k)()
	if s := get[operator.Status](t, h, operator.Call{Path: operator.StatusPath}); len(s.Processes) != 2 || len(s.Wrong) != 0 {
		t.Errorf("the status is %s\nwith %d processes; want both, and nothing wrong", said(s), len(s.Processes))
	}
}
