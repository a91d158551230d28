package operator

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/session"
)

// StatusPath is where [Status] is.
const StatusPath = "/v1/admin/status"

// Status says whether a client could get a session now, and what is wrong.
type Status struct {
	Takes     bool      `json:"takesSessions"` // a client without a session could get one now
	Sentence  string    `json:"sentence"`      // the same in words
	Free      int       `json:"free"`          // slots that clients could have, if it were not for a pause
	Warm      int       `json:"warm"`          // of those, with a container that waits
	Sessions  int       `json:"sessions"`      // of clients
	Paused    *Paused   `json:"paused,omitempty"`
	Outage    *Outage   `json:"outage,omitempty"` // nil: the database does what it is asked
	Wrong     []Wrong   `json:"wrong"`            // the worst first
	Processes []Process `json:"processes"`        // that live
}

// Wrong is one thing that is not as it should be.
type Wrong struct {
	What string `json:"what"`           // in words
	Mend string `json:"mend,omitempty"` // a command that mends it, or shows more; missing: none is known
}

// Counted reports whether it is known how many sessions and slots there are.
func (s Status) Counted() bool { return s.Outage == nil || s.Outage.Answers }

// MarshalJSON leaves out what is not known.
func (s Status) MarshalJSON() ([]byte, error) {
	type all Status
	if s.Counted() {
		return json.Marshal(all(s))
	}
	return json.Marshal(struct {
		all
		Free     *int `json:"free,omitempty"`
		Warm     *int `json:"warm,omitempty"`
		Sessions *int `json:"sessions,omitempty"`
	}{all: all(s)})
}

// Summarize returns what [StatusPath] answers, to who shows it otherwise. With an error it
// is the status without the database.
func Summarize(ctx context.Context, cfg Config) (Status, error) {
	o := newOperators(cfg)
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	s, err := o.summarize(ctx)
	if err != nil {
		return o.withoutDatabase(err), err
	}
	return s, nil
}

func (o operators) summarize(ctx context.Context) (Status, error) {
	l, err := o.look(ctx)
	if err != nil {
		return Status{}, err
	}
	s := Status{
		Free: l.now.Remaining, Sessions: l.now.Sessions, Paused: paused(l.now.Pause), Outage: l.writes,
		Wrong: l.wrong(), Processes: make([]Process, 0, len(l.processes)),
	}
	for _, st := range l.now.Hosts {
		if takes(st) {
			s.Warm += st.Warm
		}
	}
	for _, p := range l.processes {
		if p.State == Running {
			s.Processes = append(s.Processes, p)
		}
	}
	s.Takes, s.Sentence = l.sentence()
	return s, nil
}

// A state is what the status is made of.
type state struct {
	now       *session.Overview
	processes []Process
	writes    *Outage // the database takes none; nil: it does
}

// look tries a write beside its reading: a database that others have locked answers, and
// tells nothing of it.
func (o operators) look(ctx context.Context) (l state, err error) {
	written := make(chan error, 1)
	go func() { written <- o.writable(ctx) }()
	l, err = o.read(ctx)
	noWrite := <-written
	switch {
	case noWrite == nil:
	case err == nil:
		l.writes = o.outage(noWrite)
		l.writes.Answers = true
	case errors.Is(err, context.DeadlineExceeded) && errors.Is(noWrite, database.ErrLocked):
		err = noWrite // it had to wait for that write
	}
	return l, err
}

func (o operators) writable(ctx context.Context) error {
	if o.Writable == nil {
		return nil
	}
	return o.Writable(ctx)
}

func (o operators) read(ctx context.Context) (l state, err error) {
	if l.now, err = o.Sessions.Now(ctx); err != nil {
		return l, err
	}
	known, err := o.Processes(ctx)
	if err != nil {
		return l, err
	}
	for _, p := range known {
		l.processes = append(l.processes, o.process(p))
	}
	if itself := o.itself(); itself.Answers && !slices.ContainsFunc(l.processes, isAsked) {
		l.processes = append(l.processes, itself)
	}
	return l, nil
}
