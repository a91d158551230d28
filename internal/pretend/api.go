package pretend

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/docker/docker/api/types/versions"

	"wrpdistributor/internal/clock"
)

const (
	minAPIVersion = "1.24"
	serverVersion = "28.5.2-pretend"
	maxBody       = 1 << 20
)

// An api answers the requests to the Docker Engine API.
type api struct {
	engine *engine
	faults *faults
	tasks  *tasks
}

// A request is what an operation has to know of an HTTP request. It is read to its
// end before, so that the operation does not depend on the caller.
type request struct {
	ref   string // the container or image in the path
	query url.Values
	body  []byte
}

// on reports whether a query parameter is set to something true.
func (r request) on(key string) bool {
	switch strings.ToLower(r.query.Get(key)) {
	case "", "0", "no", "false", "none":
		return false
	}
	return true
}

// An operation carries out a request. The body of its answer becomes JSON, or
// text if it is a string; nil means no body.
type operation func(context.Context, request) (status int, body any, err error)

func newAPI(engine *engine, faults *faults, tasks *tasks) http.Handler {
	a := &api{engine, faults, tasks}
	mux := http.NewServeMux()
	for _, route := range []struct {
		pattern, op string
		run         operation
	}{
		{"GET /_ping", OpPing, a.ping},
		{"GET /version", OpVersion, a.version},
		{"GET /info", OpInfo, a.info},
		{"GET /images/{ref...}", OpImage, a.inspectImage},
		{"GET /containers/json", OpList, a.list},
		{"POST /containers/create", OpCreate, a.create},
		{"GET /containers/{ref}/json", OpInspect, a.inspect},
		{"POST /containers/{ref}/start", OpStart, a.start},
		{"POST /containers/{ref}/stop", OpStop, a.stop},
		{"POST /containers/{ref}/kill", OpKill, a.kill},
		{"POST /containers/{ref}/pause", OpPause, a.pause},
		{"POST /containers/{ref}/unpause", OpUnpause, a.unpause},
		{"DELETE /containers/{ref}", OpRemove, a.remove},
		{"POST /networks/create", OpCreateNetwork, a.createNetwork},
		{"GET /networks/{ref}", OpNetwork, a.inspectNetwork},
		{"DELETE /networks/{ref}", OpRemoveNetwork, a.removeNetwork},
	} {
		mux.HandleFunc(route.pattern, a.do(route.op, route.run))
	}
	mux.HandleFunc("POST /images/create", a.stream(OpPull, a.pull))
	mux.HandleFunc("GET /containers/{ref}/logs", a.stream(OpLogs, a.logs))
	mux.HandleFunc("GET /events", a.stream(OpEvents, engine.events.stream))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeError(w, refuse(http.StatusNotFound, "page not found"))
	})
	return versioned(engine, mux)
}

// versioned takes the version off the path, and refuses those that the engine does
// not support.
func versioned(engine *engine, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		oldest, newest := engine.apiVersions()
		w.Header().Set("Api-Version", newest)
		w.Header().Set("Ostype", "linux")
		w.Header().Set("Docker-Experimental", "false")
		w.Header().Set("Server", "Docker/"+serverVersion+" (linux)")
		asked, rest, ok := splitVersion(r.URL.Path)
		switch {
		case !ok:
		case versions.GreaterThan(asked, newest):
			writeError(w, refuse(http.StatusBadRequest, "client version %s is too new. Maximum supported API version is %s", asked, newest))
			return
		case versions.LessThan(asked, oldest):
			writeError(w, refuse(http.StatusBadRequest, "client version %s is too old. Minimum supported API version is %s, "+
				"please upgrade your client to a newer version", asked, oldest))
			return
		default:
			r.URL.Path, r.URL.RawPath = rest, ""
		}
		next.ServeHTTP(w, r)
	})
}

// splitVersion takes /v1.41 off a path.
func splitVersion(path string) (version, rest string, ok bool) {
	path, ok = strings.CutPrefix(path, "/v")
	if !ok {
		return "", "", false
	}
	version, rest, ok = strings.Cut(path, "/")
	if !ok || version == "" || strings.Trim(version, "0123456789.") != "" {
		return "", "", false
	}
	return version, "/" + rest, true
}

// An answer is what an operation returns.
type answer struct {
	status int
	body   any
	err    error
}

// do returns a handler that carries out an operation. Like a real engine it goes
// on with a request even if the caller has gone, also while a delay lasts.
func (a *api) do(op string, run operation) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			writeError(w, refuse(http.StatusBadRequest, "read the request: %v", err))
			return
		}
		req := request{r.PathValue("ref"), r.URL.Query(), body}
		outcome := a.faults.outcome(op)
		answers := make(chan answer, 1)
		a.tasks.spawn(func() {
			if clock.Sleep(a.tasks.ctx, outcome.delay) == nil {
				answers <- a.carryOut(run, req, outcome)
			}
		})
		select {
		case answer := <-answers:
			if outcome.loseAnswer {
				breakConnection(w)
				return
			}
			write(w, answer.status, answer.body, answer.err)
		case <-r.Context().Done():
		}
	}
}

func (a *api) carryOut(run operation, req request, o outcome) answer {
	if o.failure != nil {
		return answer{err: o.failure}
	}
	status, body, err := run(a.tasks.ctx, req)
	return answer{status, body, err}
}

// stream returns a handler for an operation that writes its answer in pieces, and
// ends when the caller has gone.
func (a *api) stream(op string, run func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		outcome := a.faults.outcome(op)
		switch {
		case clock.Sleep(r.Context(), outcome.delay) != nil:
		case outcome.failure != nil:
			writeError(w, outcome.failure)
		case outcome.loseAnswer:
			breakConnection(w)
		default:
			if err := run(w, r); err != nil {
				writeError(w, err)
			}
		}
	}
}

// breakConnection breaks the connection of a request.
func breakConnection(w http.ResponseWriter) {
	if nc, _, err := http.NewResponseController(w).Hijack(); err == nil {
		nc.Close()
	}
}

func write(w http.ResponseWriter, status int, body any, err error) {
	if err != nil {
		writeError(w, err)
		return
	}
	switch body := body.(type) {
	case nil:
		w.WriteHeader(status)
	case string:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		io.WriteString(w, body)
	default:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(body)
	}
}

func writeError(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	if r, ok := errors.AsType[*refusal](err); ok {
		status = r.status
	}
	if status == http.StatusNotModified {
		w.WriteHeader(status)
		return
	}
	write(w, status, map[string]string{"message": err.Error()}, nil)
}
