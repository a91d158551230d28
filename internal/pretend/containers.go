package pretend

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/pkg/stdcopy"
)

func (a *api) create(_ context.Context, r request) (int, any, error) {
	var req container.CreateRequest
	if err := json.Unmarshal(r.body, &req); err != nil {
		return 0, nil, refuse(http.StatusBadRequest, "%v", err)
	}
	c, err := a.engine.create(r.query.Get("name"), req)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, container.CreateResponse{ID: cmp.Or(a.engine.givenID(), c.id), Warnings: []string{}}, nil
}

func (a *api) start(_ context.Context, r request) (int, any, error) {
	return http.StatusNoContent, nil, a.engine.start(r.ref)
}

func (a *api) stop(ctx context.Context, r request) (int, any, error) {
	opt := stopOptions{signal: r.query.Get("signal")}
	if t := r.query.Get("t"); t != "" {
		seconds, err := strconv.Atoi(t)
		if err != nil {
			return 0, nil, refuse(http.StatusBadRequest, "%v", err)
		}
		grace := time.Duration(seconds) * time.Second
		opt.grace = &grace
	}
	return http.StatusNoContent, nil, a.engine.stop(ctx, r.ref, opt)
}

func (a *api) kill(_ context.Context, r request) (int, any, error) {
	return http.StatusNoContent, nil, a.engine.kill(r.ref, r.query.Get("signal"))
}

func (a *api) remove(_ context.Context, r request) (int, any, error) {
	return http.StatusNoContent, nil, a.engine.remove(r.ref, r.on("force"))
}

func (a *api) pause(_ context.Context, r request) (int, any, error) {
	return http.StatusNoContent, nil, a.engine.setPaused(r.ref, true)
}

func (a *api) unpause(_ context.Context, r request) (int, any, error) {
	return http.StatusNoContent, nil, a.engine.setPaused(r.ref, false)
}

func (a *api) inspect(_ context.Context, r request) (int, any, error) {
	a.engine.mu.Lock()
	defer a.engine.mu.Unlock()
	c, err := a.engine.find(r.ref)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, c.inspection(), nil
}

// list knows the one filter that the pool sends.
func (a *api) list(_ context.Context, r request) (int, any, error) {
	f, err := filters.FromJSON(r.query.Get("filters"))
	if err == nil {
		err = f.Validate(map[string]bool{"label": true})
	}
	if err != nil {
		return 0, nil, refuse(http.StatusBadRequest, "%v", err)
	}
	all := r.on("all")
	list := []container.Summary{}
	a.engine.mu.Lock()
	defer a.engine.mu.Unlock()
	for _, c := range a.engine.all() {
		if (all || c.running()) && f.MatchKVList("label", c.config.Labels) {
			list = append(list, c.summary())
		}
	}
	return http.StatusOK, list, nil
}

// logs sends what the container has written: the complaint of one that did not
// understand its command line, which is all that WRP writes here.
func (a *api) logs(w http.ResponseWriter, r *http.Request) error {
	a.engine.mu.Lock()
	defer a.engine.mu.Unlock()
	c, err := a.engine.find(r.PathValue("ref"))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/vnd.docker.multiplexed-stream")
	if c.badArgs != nil && !c.startedAt.IsZero() {
		_, err = fmt.Fprintf(stdcopy.NewStdWriter(w, stdcopy.Stderr), "wrp-standin: usage: %v\n", c.badArgs)
	}
	return err
}
