package operator

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
)

// ReloadPath is where the hosts are read again.
const ReloadPath = "/v1/admin/reload"

// A Reloaded is what came of reading HOSTS_FILE again, in one process. The lists have the
// names of hosts, and none is null.
type Reloaded struct {
	Process string    `json:"process"` // for people
	Joined  []string  `json:"joined"`  // new ones, and those that were leaving
	Changed []string  `json:"changed"`
	Leaving []Leaving `json:"leaving"` // all that leave now
	Restart []string  `json:"restart"` // settings that are others now, and count after a restart only

	// Later means that the service waits for its database: the file is good, and is read
	// when that answers.
	Later bool `json:"later,omitempty"`
}

// A Leaving host is one that is not in the file any more.
type Leaving struct {
	Host     string `json:"host"`
	Sessions *int   `json:"sessions,omitempty"` // of clients, that stand on it; nil: the database does not say
}

// reload reads the hosts again. Who asked may leave: what was begun is finished.
func (o operators) reload(w http.ResponseWriter, r *http.Request) (any, error) {
	if o.Reload == nil {
		return nil, newProblem(http.StatusNotFound, noSuchRoute, "There is nobody here who serves hosts.")
	}
	done, err := o.Reload(context.WithoutCancel(r.Context()))
	if err != nil {
		o.Log.WarnContext(r.Context(), "reload refused; nothing was changed", "request", w.Header().Get(requestHeader), "err", err)
		return nil, newProblem(http.StatusUnprocessableEntity, "reload", err.Error())
	}
	return done, nil
}

// ReloadHandler answers at [ReloadPath] alone, for a process that is asked nothing else.
func ReloadHandler(reload func(context.Context) (Reloaded, error), log *slog.Logger) http.Handler {
	o, mux := newOperators(Config{Reload: reload, Log: log}), http.NewServeMux()
	to := route{"POST " + ReloadPath, operators.reload, true}
	mux.HandleFunc(to.pattern, func(w http.ResponseWriter, r *http.Request) { o.answer(w, r, to) })
	return mux
}

// A ReloadAnswer is what one process said.
type ReloadAnswer struct {
	Reloaded
	Err error // a [Problem], or why there is no answer; nil: what stands before
}

// Reload tells all processes at control sockets in folder to read their hosts again, one
// after the other, or returns [ErrNobody]. Processes that cannot be told so, such as
// earlier versions, are left out; one that hangs is not.
func Reload(ctx context.Context, folder string) ([]ReloadAnswer, error) {
	var answers []ReloadAnswer
	for _, g := range greet(ctx, folder) {
		var done Reloaded
		err := <-g.said
		if err == nil {
			err = Call{Method: http.MethodPost, Path: ReloadPath}.send(ctx, overSocket(g.path), "http://control", "", &done)
		}
		if !errors.Is(err, ErrNobody) {
			answers = append(answers, ReloadAnswer{done, err})
		}
	}
	if len(answers) == 0 {
		return nil, ErrNobody
	}
	return answers, nil
}
