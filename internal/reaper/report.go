package reaper

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"wrpdistributor/internal/reminder"
	"wrpdistributor/internal/session"
)

// A Report says what a pass did.
type Report struct {
	Sessions int      `json:"sessions"` // of clients, were to be stopped
	Stopped  int      `json:"ended"`
	Failed   int      `json:"failed"`
	Warm     int      `json:"warm"`               // containers without a client that were stopped
	Orphans  int      `json:"orphans"`            // containers without a session that were removed
	Endings  []string `json:"endings,omitempty"`  // of each that was stopped, and why, a line each
	Planned  []string `json:"planned,omitempty"`  // what a dry run would have done, a line each
	Problems []string `json:"problems,omitempty"` // a sentence each; none: all went well
}

// Changed reports whether the pass stopped or removed anything.
func (r *Report) Changed() bool { return r.Stopped+r.Warm+r.Orphans > 0 }

// IsNews reports whether there is anything to say: something was changed, or there are
// problems that were not said yet, or an hour ago.
func (r *Report) IsNews(trouble *reminder.Trouble) bool {
	if len(r.Problems) == 0 {
		trouble.Over()
		return r.Changed()
	}
	problems := slices.Sorted(slices.Values(r.Problems)) // hosts are asked at once
	return trouble.Due(errors.New(strings.Join(problems, "\n"))) || r.Changed()
}

// Summary is the line that operators' scripts know from the PHP program.
func (r *Report) Summary() string {
	return fmt.Sprintf("Cleanup of %d sessions finished, %d sessions terminated successfully - %d sessions failed to terminate.",
		r.Sessions, r.Stopped, r.Failed)
}

// A recorder writes a report. It is safe for concurrent use.
type recorder struct {
	mu     sync.Mutex
	report Report
}

func (r *recorder) problem(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Problems = append(r.report.Problems, fmt.Sprintf(format, args...))
}

func (r *recorder) plan(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Planned = append(r.report.Planned, fmt.Sprintf(format, args...))
}

// ending notes which session was stopped, and why.
func (r *recorder) ending(a action, s *session.Session, client string) {
	if client != "" {
		client = " of " + client
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Endings = append(r.report.Endings, fmt.Sprintf("%s %d%s on %s:%d was stopped: %s.", kind(s), s.ID, client, s.Host, s.Port, a.reason()))
}

// planAction notes what would be done about a session.
func (r *recorder) planAction(a action, s *session.Session) {
	r.plan("would %s session %d on %s:%d, %s since %s", a, s.ID, s.Host, s.Port, s.State, s.Started.Format(time.DateTime))
}

// outcome counts a session that was stopped, or that should have been.
func (r *recorder) outcome(s *session.Session, stopped bool, err error) {
	failed := err != nil && !errors.Is(err, session.ErrPending)
	if failed {
		r.problem("%s %d on %s:%d could not be stopped or repaired: %v.", kind(s), s.ID, s.Host, s.Port, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case s.ClientIP == "":
		if err == nil && stopped {
			r.report.Warm++
		}
		return
	case failed:
		r.report.Failed++
	case err == nil && stopped:
		r.report.Stopped++
	default:
		return
	}
	r.report.Sessions++
}

// kind says what a row is, to begin a sentence with.
func kind(s *session.Session) string {
	if s.ClientIP == "" {
		return "Warm container"
	}
	return "Session"
}

func (r *recorder) orphanRemoved() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Orphans++
}
