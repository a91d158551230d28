package operator

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"wrpdistributor/internal/accounts"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/journal"
	"wrpdistributor/internal/reminder"
	"wrpdistributor/internal/session"
)

// Sessions is what is asked how the pool is. [session.Manager] is one.
type Sessions interface {
	Now(ctx context.Context) (*session.Overview, error)
}

// A Store is what is read and changed in the database. [session.Store] is one.
type Store interface {
	Begun(ctx context.Context, ago time.Duration) ([]session.Session, error)
	ByID(ctx context.Context, id int64) (*session.Session, error)
	OnHost(ctx context.Context, host string) ([]session.Session, error)
	Drain(ctx context.Context, host, reason string) error
	Undrain(ctx context.Context, host string) (was bool, err error)
	Pause(ctx context.Context, reason string) error
	Resume(ctx context.Context) (was bool, err error)
	ForgetEndings(ctx context.Context, account string) error
}

// A Config holds what operators are answered from. All fields are required, but those
// that say otherwise.
//
// Without Sessions it is of a service that waits for its database: of the others it needs
// Database, Failing, Process, Reload and Log.
type Config struct {
	Sessions  Sessions
	Store     Store
	Processes func(context.Context) ([]database.KnownProcess, error)
	DB        *database.DB    // has the journal and the statistics
	Journal   *journal.Writer // of the process that answers; nil: it has noted nothing

	// StopNow stops a session, whoever uses it, and returns when its container is gone.
	StopNow func(context.Context, *session.Session) error

	Database database.Config                   // for people
	Writable func(context.Context) error       // why the database takes no writes, at the end of the context at the latest; nil: not known
	Failing  func() (since time.Time, _ error) // the same of its last attempt; nil: not known

	Process database.Process                            // the one that answers; zero: a command that looks for itself
	Lives   func(process string) bool                   // whether that one runs on this machine; nil: not known
	Hangs   func(process string) bool                   // whether that one runs here, and answers nothing; nil: not known
	Reload  func(ctx context.Context) (Reloaded, error) // reads the hosts again; nil: there is nobody who does
	Log     *slog.Logger

	Accounts *accounts.Accounts

	// EndSessions ends the sessions of an account, which cannot come in any more, and says
	// how many. It returns when their containers are gone; nil: there are none.
	EndSessions func(ctx context.Context, account string) (int, error)
}

// An operators answers to them.
type operators struct {
	Config
	began   time.Time
	trouble *reminder.Trouble // some ask every second
}

func newOperators(cfg Config) operators { return operators{cfg, time.Now(), &reminder.Trouble{}} }

// A route is a request that operators may send. What it returns is the answer; an error
// that is no [Problem] is logged, and operators are told that the database is to blame.
type route struct {
	pattern string
	serve   func(o operators, w http.ResponseWriter, r *http.Request) (any, error)
	early   bool // it answers without the database, too
}

// routes are all of them.
func routes() []route {
	return []route{
		{"GET " + StatusPath, operators.status, true},
		{"GET " + HostsPath, operators.hosts, false},
		{"POST " + HostsPath + "/{host}/drain", operators.drain, false},
		{"POST " + HostsPath + "/{host}/undrain", operators.undrain, false},
		{"GET " + SessionsPath, operators.sessions, false},
		{"DELETE " + SessionsPath + "/{id}", operators.stopSession, false},
		{"GET " + ProcessesPath, operators.processes, false},
		{"GET " + JournalPath, operators.journal, false},
		{"GET " + StatisticsPath, operators.statistics, false},
		{"GET " + AccountsPath, operators.accounts, false},
		{"POST " + AccountsPath, operators.addAccount, false},
		{"POST " + ImportAccountsPath, operators.importAccounts, false},
		{"PATCH " + AccountsPath + "/{name}", operators.setAccount, false},
		{"DELETE " + AccountsPath + "/{name}", operators.removeAccount, false},
		{"POST " + AccountsPath + "/{name}/password", operators.setAccountPassword, false},
		{"POST " + AccountsPath + "/{name}/disable", operators.disableAccount, false},
		{"POST " + AccountsPath + "/{name}/enable", operators.enableAccount, false},
		{"POST " + PausePath, operators.pause, false},
		{"POST " + ResumePath, operators.resume, false},
		{"POST " + ReloadPath, operators.reload, true},
	}
}

// Routes returns all that [Handler] answers, as "METHOD /path/{parameter}".
func Routes() []string {
	var list []string
	for _, r := range routes() {
		list = append(list, r.pattern)
	}
	return list
}

// Paths returns the paths of [Routes], each once.
func Paths() []string {
	var list []string
	for _, r := range Routes() {
		if _, path, _ := strings.Cut(r, " "); !slices.Contains(list, path) {
			list = append(list, path)
		}
	}
	return list
}

// Handler answers whoever gets to it.
func Handler(cfg Config) http.Handler {
	o, mux := newOperators(cfg), http.NewServeMux()
	for _, r := range routes() {
		mux.HandleFunc(r.pattern, func(w http.ResponseWriter, req *http.Request) { o.answer(w, req, r) })
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h, pattern := mux.Handler(r); pattern == "" {
			refuse(w, r, h)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (o operators) answer(w http.ResponseWriter, r *http.Request, to route) {
	v, err := o.serve(w, r, to)
	p, isProblem := errors.AsType[*Problem](err)
	switch {
	case isProblem:
		p.write(w)
	case err != nil:
		level := slog.LevelInfo // it is looked for by its id
		if o.trouble.Due(err) {
			level = slog.LevelWarn
		}
		o.Log.Log(r.Context(), level, "operator request failed", "request", w.Header().Get(requestHeader), "route", to.pattern, "err", err)
		o.failed(err).write(w)
	default:
		if !to.early { // those answer without the database, too
			o.trouble.Over()
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v) // who left is not waiting for it
	}
}

// refuse says as a problem what h would say of a path or a method that there is not.
func refuse(w http.ResponseWriter, r *http.Request, h http.Handler) {
	says := &recorder{header: make(http.Header)}
	h.ServeHTTP(says, r)
	if says.code == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", says.header.Get("Allow"))
		WriteProblem(w, says.code, "method-not-allowed", "This is not done by "+r.Method+", but by "+says.header.Get("Allow")+".")
		return
	}
	WriteProblem(w, http.StatusNotFound, noSuchRoute, "There is nothing here.")
}

const noSuchRoute = "no-such-route"

const maxBody = 64 << 10

// withReason is the body of requests that say why.
type withReason struct {
	Reason string `json:"reason"`
}

// reason reads it. A request without a body gives none. One that says anything else is
// refused: clients would be told less than was meant.
func reason(w http.ResponseWriter, r *http.Request) (string, error) {
	var body withReason
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	err := d.Decode(&body)
	if errors.Is(err, io.EOF) {
		return "", nil
	}
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return body.Reason, nil
		}
	}
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return "", newProblem(http.StatusRequestEntityTooLarge, "too-large", "The request body is larger than 64 KiB.")
	}
	return "", newProblem(http.StatusBadRequest, "bad-request", `The body is no JSON such as {"reason":"new disk"}, and nothing else.`)
}
