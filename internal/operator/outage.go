package operator

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"wrpdistributor/internal/database"
)

// lookTimeout is for a database that may be away: whoever asks is answered within two
// seconds.
const lookTimeout = 1500 * time.Millisecond

var (
	errSlow    = fmt.Errorf("no answer within %v", lookTimeout)
	errWaiting = errors.New("the service waits for it")
)

// An Outage is what is wrong with the database.
type Outage struct {
	Database string    `json:"database"`       // which one, without its password
	Answers  bool      `json:"answers"`        // it says what is asked, and takes no writes
	Since    time.Time `json:"since,omitzero"` // missing: it was not noticed before
	Error    string    `json:"error"`          // in words
	Mend     string    `json:"mend"`           // in words
	Waits    bool      `json:"serviceWaits"`   // it has not begun to serve, and does when the database answers

	command string // that mends it, or shows more
	locked  bool   // others keep it from being written to
}

// sentence says all of it but the command.
func (o *Outage) sentence() string {
	what, since := "does not answer", ""
	if o.Answers || o.locked {
		what = "takes no writes"
	}
	if !o.Since.IsZero() {
		since = " since " + moment(o.Since)
	}
	text := fmt.Sprintf("The database %s %s%s: %s. %s", o.Database, what, since, strings.TrimSuffix(o.Error, "."), o.Mend)
	if o.Waits {
		return text + "; the service waits, and begins by itself when it answers."
	}
	return text + "; the service goes on by itself when it does."
}

// problem is what those are told who asked for something else than the status.
func (o *Outage) problem() *Problem {
	return newProblem(http.StatusServiceUnavailable, "unavailable", o.sentence()+" More: "+o.command)
}

// failed is what those are told for whom err was all that came of it.
func (o operators) failed(err error) *Problem {
	_, failing := o.failing()
	if failing == nil && o.Sessions != nil && !errors.Is(err, context.DeadlineExceeded) && !database.IsUnavailable(err) {
		return newProblem(http.StatusServiceUnavailable, "unavailable", "This could not be done: "+strings.TrimSuffix(err.Error(), ".")+".")
	}
	return o.outage(err).problem()
}

// outage says what is wrong after err was all that came of asking the database.
func (o operators) outage(err error) *Outage {
	since, failing := o.failing()
	switch late := errors.Is(err, context.DeadlineExceeded); {
	case failing != nil && (late || o.Sessions == nil):
		err = failing
	case late:
		err = errSlow
	default:
		err = o.Database.Reason(err)
	}
	mend := o.Database.Mend(err)
	return &Outage{
		Database: o.Database.String(), Since: since.UTC(), Error: err.Error(), Mend: mend.Do, command: mend.Command,
		Waits: o.Sessions == nil, locked: errors.Is(err, database.ErrLocked),
	}
}

func (o operators) failing() (since time.Time, err error) {
	if o.Failing == nil {
		return time.Time{}, nil
	}
	return o.Failing()
}

// serve answers a route. A database that is away costs nobody more than a moment, and one
// that the service waits for nothing.
func (o operators) serve(w http.ResponseWriter, r *http.Request, to route) (any, error) {
	switch {
	case to.early:
		return to.serve(o, w, r)
	case o.Sessions == nil:
		return nil, errWaiting
	}
	ctx, cancel := context.WithTimeout(r.Context(), lookTimeout)
	defer cancel()
	if _, err := o.failing(); err != nil {
		return to.serve(o, w, r.WithContext(ctx))
	}
	if _, err := o.DB.DatabaseID(ctx); err != nil {
		return nil, err
	}
	return to.serve(o, w, r)
}

// status answers at once, and says so if the database does not.
func (o operators) status(_ http.ResponseWriter, r *http.Request) (any, error) {
	if o.Sessions == nil {
		return o.withoutDatabase(errWaiting), nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), lookTimeout)
	defer cancel()
	s, err := o.summarize(ctx)
	if err == nil {
		o.trouble.Over()
	}
	if err == nil || r.Context().Err() != nil {
		return s, err
	}
	if o.trouble.Due(err) {
		o.Log.WarnContext(r.Context(), "status without the database", "err", err)
	}
	return o.withoutDatabase(err), nil
}

// withoutDatabase is the status as far as it is known.
func (o operators) withoutDatabase(err error) Status {
	out := o.outage(err)
	s := Status{
		Sentence:  nobody + "the database does not answer.",
		Outage:    out,
		Wrong:     []Wrong{{out.sentence(), out.command}},
		Processes: []Process{},
	}
	if out.locked {
		s.Sentence = nobody + noWrites
	}
	if itself := o.itself(); itself.Answers {
		s.Processes = append(s.Processes, itself)
	}
	return s
}
