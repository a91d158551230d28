package pretend

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
)

func (a *api) create(_ context.Context, r request) (int, any, error) {
	var wish container.CreateRequest
	if err := json.Unmarshal(r.body, &wish); err != nil {
		return 0, nil, refuse(http.StatusBadRequest, "%v", err)
	}
	c, err := a.engine.create(r.query.Get("name"), wish)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, container.CreateResponse{ID: c.id, Warnings: []string{}}, nil
}

func (a *api) start(_ context.Context, r request) (int, any, error) {
	return http.StatusNoContent, nil, a.engine.start(r.ref)
}

func (a *api) stop(ctx context.Context, r request) (int, any, error) {
	wish := stopOptions{signal: r.query.Get("signal")}
	if t := r.query.Get("t"); t != "" {
		seconds, err := strconv.Atoi(t)
		if err != nil {
			return 0, nil, refuse(http.StatusBadRequest, "%v", err)
		}
		grace := time.Duration(seconds) * time.Second
		wish.grace = &grace
	}
	return http.StatusNoContent, nil, a.engine.stop(ctx, r.ref, wish)
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

func (a *api) list(_ context.Context, r request) (int, any, error) {
	f, err := filters.FromJSON(r.query.Get("filters"))
	if err != nil {
		return 0, nil, refuse(http.StatusBadRequest, "%v", err)
	}
	for _, key := range f.Keys() {
		if key != "id" && key != "name" && key != "label" && key != "status" {
			return 0, nil, refuse(http.StatusBadRequest, "invalid filter '%s'", key)
		}
	}
	for _, status := range f.Get("status") {
		if err := container.ValidateContainerState(status); err != nil {
			return 0, nil, refuse(http.StatusBadRequest, "invalid filter 'status=%s'", status)
		}
	}
	all := r.on("all") || f.Contains("status")
	list := []container.Summary{}
	a.engine.mu.Lock()
	defer a.engine.mu.Unlock()
	for _, c := range a.engine.all() {
		if (all || c.running()) && c.matches(f) {
			list = append(list, c.summary())
		}
	}
	return http.StatusOK, list, nil
}

// wait answers when a container has ended or was removed.
func (a *api) wait(w http.ResponseWriter, r *http.Request) error {
	e := a.engine
	condition := container.WaitCondition(r.URL.Query().Get("condition"))
	e.mu.Lock()
	c, err := e.find(r.PathValue("ref"))
	if err != nil {
		e.mu.Unlock()
		return err
	}
	end, over := c.exited, false
	switch condition {
	case "", container.WaitConditionNotRunning:
		over = !c.running()
	case container.WaitConditionNextExit:
	case container.WaitConditionRemoved:
		end = c.removed
	default:
		e.mu.Unlock()
		return refuse(http.StatusBadRequest, "invalid condition: %q", condition)
	}
	e.mu.Unlock()

	w.Header().Set("Content-Type", "application/json")
	// The caller may start the container as soon as it knows that this waits.
	http.NewResponseController(w).Flush()
	if !over {
		select {
		case <-end:
		case <-r.Context().Done():
			return nil
		}
	}
	e.mu.Lock()
	code := c.exitCode
	e.mu.Unlock()
	json.NewEncoder(w).Encode(container.WaitResponse{StatusCode: int64(code)})
	return nil
}
