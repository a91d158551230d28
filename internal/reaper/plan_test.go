package reaper_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/reaper"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// A scene is a session and its container, as a pass may find them.
type scene struct {
	state     session.State
	container string // running, paused, exited or absent
	overdue   bool
	idle      bool
	frozen    bool
	noID      bool // the row does not say which container
}

// scenes returns all that can be: only sessions that run are used or idle, only
// the containers of those and of waiting ones are frozen, and only theirs are
// always known.
func scenes() []scene {
	var list []scene
	both := []bool{false, true}
	for _, state := range []session.State{session.Claimed, session.Starting, session.Warming, session.Warm, session.Running, session.Stopping} {
		serves := state == session.Running || state == session.Warm
		for _, container := range []string{"running", "paused", "exited", "absent"} {
			for _, overdue := range both {
				for _, other := range both {
					s := scene{state: state, container: container, overdue: overdue}
					if serves {
						s.frozen = other
					} else {
						s.noID = other
					}
					list = append(list, s)
					if state == session.Running {
						s.idle = true
						list = append(list, s)
					}
				}
			}
		}
	}
	return list
}

// longAgo, in seconds, is past every limit.
const longAgo = 10_000

// A stage is a service with a session for every scene.
type stage struct {
	*servicetest.Kit
	scenes map[int64]scene
}

// newStage sets all scenes, and leaves a container without a session beside them.
func newStage(t *testing.T, opt servicetest.Options) *stage {
	t.Helper()
	st := &stage{servicetest.New(t, databasetest.New(t), opt), make(map[int64]scene)}
	for i, s := range scenes() {
		id := int64(i + 1)
		st.scenes[id] = s
		st.insert(t, id, s, st.container(t, id, s.container))
	}
	st.container(t, 12345, "running")
	return st
}

// container makes the container of a session, and returns its id.
func (st *stage) container(t *testing.T, session int64, state string) string {
	t.Helper()
	if state == "absent" {
		return fmt.Sprint("removed", session)
	}
	host := st.Hosts[0]
	databaseID, err := st.DB.DatabaseID(t.Context())
	must(t, err)
	c, err := host.ForeignContainer(fmt.Sprintf("wrp_%.8s_%d", databaseID, session), map[string]string{
		"wrpdistributor.database": databaseID, "wrpdistributor.session": fmt.Sprint(session), "wrpdistributor.claim": nonce(session),
	}, 0)
	must(t, err)
	switch state {
	case "paused":
		host.PauseContainer(c.ID)
	case "exited":
		host.KillContainer(c.ID)
	}
	return c.ID
}

func nonce(session int64) string { return fmt.Sprint("nonce", session) }

func (st *stage) insert(t *testing.T, id int64, s scene, containerID string) {
	t.Helper()
	ago := func(long bool) int {
		if long {
			return longAgo
		}
		return 0
	}
	var client, identity, known any = "192.0.2.1", []byte(fmt.Sprintf("%032d", id)), containerID
	switch s.state {
	case session.Warm, session.Warming:
		client, identity = "", nil
	case session.Stopping:
		identity = nil
	}
	if s.noID {
		known = nil
	}
	_, err := st.DB.ExecContext(t.Context(), `
		INSERT INTO sessions (id, state, clientIp, clientUserAgent, identity, wrpContainerId, nonce, frozen, containerHost, slot, port, started, lastUsed)
		VALUES (?, ?, ?, '', ?, ?, ?, ?, 'host0', ?, ?, `+st.DB.SecondsAgo()+`, `+st.DB.SecondsAgo()+`)`,
		id, s.state, client, identity, known, nonce(id), s.frozen, id, 9090+id, ago(s.overdue), ago(s.idle))
	must(t, err)
}

// look describes every session with its container, and every other container, by
// the names that dry runs give them.
func (st *stage) look(t *testing.T) map[string]string {
	t.Helper()
	seen := make(map[string]string)
	rows, err := st.Store.All(t.Context())
	must(t, err)
	for _, s := range rows {
		seen[fmt.Sprint("session ", s.ID)] = fmt.Sprint(s.State, s.Frozen, s.ContainerID, s.Started, s.LastUsed)
	}
	for _, c := range st.Hosts[0].Containers() {
		name := "session " + c.Labels["wrpdistributor.session"]
		if _, hasRow := seen[name]; !hasRow {
			name = "container " + c.Name
		}
		seen[name] += fmt.Sprintf(", running %t, paused %t", c.Running, c.Paused)
	}
	return seen
}

// done names what a pass did, from how all looked before and after.
func done(before, after map[string]string) map[string]string {
	done := make(map[string]string)
	for name, was := range before {
		switch is, left := after[name]; {
		case !left && strings.HasPrefix(name, "session"):
			done[name] = "stop"
		case !left:
			done[name] = "remove"
		case is == strings.Replace(was, "paused true", "paused false", 1) && is != was:
			done[name] = "unfreeze"
		case is != was:
			done[name] = fmt.Sprintf("change from %s to %s", was, is)
		}
	}
	for name, is := range after {
		if _, known := before[name]; !known {
			done[name] = "leave: " + is
		}
	}
	return done
}

// planned reads from the lines of a dry run what [done] should find.
func planned(t *testing.T, lines []string) map[string]string {
	t.Helper()
	plan := make(map[string]string)
	for _, line := range lines {
		words := strings.Fields(line) // would ... session 7 on host0:9097, ...
		on := slices.Index(words, "on")
		if on < 4 {
			t.Errorf("planned in words that the test does not know: %q", line)
			continue
		}
		name, what := words[on-2]+" "+words[on-1], words[1]
		if _, twice := plan[name]; twice {
			t.Errorf("planned twice: %s", name)
		}
		switch what {
		case "unfreeze", "remove":
			plan[name] = what
		default:
			plan[name] = "stop"
		}
	}
	return plan
}

// impatient lets the start timeout of a session pass as soon as somebody has to
// wait for that.
type impatient struct {
	*session.Manager
	db *database.DB
}

// StopSession implements [reaper.Sessions].
func (i impatient) StopSession(ctx context.Context, s *session.Session) (bool, error) {
	stopped, err := i.Manager.StopSession(ctx, s)
	if errors.Is(err, session.ErrPending) {
		_, ageErr := i.db.ExecContext(ctx, `UPDATE sessions SET started = `+i.db.SecondsAgo()+` WHERE id = ?`, longAgo, s.ID)
		err = errors.Join(err, ageErr)
	}
	return stopped, err
}

func TestDryRunPlansWhatIsDone(t *testing.T) {
	for _, tt := range []struct {
		name    string
		opt     reaper.Options
		orphans int
	}{
		{"repairs", reaper.Options{}, 1},
		{"idle", reaper.Options{Idle: idle, NoOrphans: true}, 0},
		{"old", reaper.Options{MaxAge: idle, Idle: 10 * idle}, 1},
		{"all", reaper.Options{All: true, Idle: idle}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			st := newStage(t, servicetest.Options{StartTimeout: time.Hour})
			st.Reaper.Sessions = impatient{st.Sessions, st.DB}
			st.Reaper.Grace = 0
			before := st.look(t)
			dry := tt.opt
			dry.DryRun = true
			plan := planned(t, pass(t, st.Kit, dry).Planned)
			if now := st.look(t); !maps.Equal(now, before) {
				t.Errorf("a dry run changed %v", done(before, now))
			}
			report := pass(t, st.Kit, tt.opt)
			did := done(before, st.look(t))
			if len(report.Problems) > 0 || report.Orphans != tt.orphans {
				t.Errorf("report = %+v, want no problems and %d orphans", report, tt.orphans)
			}
			for id, s := range st.scenes {
				name := fmt.Sprint("session ", id)
				if plan[name] != did[name] {
					t.Errorf("%+v: planned %q, done %q", s, plan[name], did[name])
				}
			}
			if !maps.Equal(plan, did) {
				t.Errorf("planned %v, done %v", plan, did)
			}
		})
	}
}
