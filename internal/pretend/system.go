package pretend

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/system"
)

func (a *api) ping(context.Context, request) (int, any, error) {
	return http.StatusOK, "OK", nil
}

func (a *api) version(context.Context, request) (int, any, error) {
	v := types.Version{
		Version:       serverVersion,
		APIVersion:    a.engine.config.APIVersion,
		MinAPIVersion: minAPIVersion,
		GoVersion:     runtime.Version(),
		Os:            "linux",
		Arch:          runtime.GOARCH,
	}
	v.Platform.Name = "Pretend host"
	return http.StatusOK, v, nil
}

func (a *api) info(context.Context, request) (int, any, error) {
	e := a.engine
	info := system.Info{
		ID:            e.config.EngineID,
		Name:          "pretend-" + e.config.Addr,
		ServerVersion: serverVersion,
		SystemTime:    time.Now().Format(time.RFC3339Nano),
		OSType:        "linux",
		Architecture:  runtime.GOARCH,
		NCPU:          runtime.NumCPU(),
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, present := range e.images {
		if present {
			info.Images++
		}
	}
	for _, c := range e.containers {
		info.Containers++
		switch c.state {
		case container.StateRunning:
			info.ContainersRunning++
		case container.StatePaused:
			info.ContainersPaused++
		default:
			info.ContainersStopped++
		}
	}
	return http.StatusOK, info, nil
}

// inspectImage answers /images/NAME/json, where NAME may have slashes.
func (a *api) inspectImage(_ context.Context, r request) (int, any, error) {
	name, ok := strings.CutSuffix(r.ref, "/json")
	if !ok {
		return 0, nil, refuse(http.StatusNotFound, "page not found")
	}
	if !a.engine.hasImage(name) {
		return 0, nil, refuse(http.StatusNotFound, "No such image: %s", name)
	}
	// The answer has an empty Config of another type; only this part matters.
	type config struct {
		WorkingDir string
		Entrypoint []string
	}
	return http.StatusOK, struct {
		image.InspectResponse
		Config config
	}{
		InspectResponse: image.InspectResponse{
			ID:           "sha256:" + digest(fullName(name)),
			RepoTags:     []string{fullName(name)},
			Architecture: runtime.GOARCH,
			Os:           "linux",
		},
		Config: config{a.engine.config.WorkingDir, []string{"/wrp"}},
	}, nil
}

func digest(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])
}

// A pullStep is one line of what an engine says while it pulls.
type pullStep struct {
	Status      string            `json:"status,omitempty"`
	ID          string            `json:"id,omitempty"`
	Detail      map[string]int    `json:"progressDetail,omitempty"`
	Error       string            `json:"error,omitempty"`
	ErrorDetail map[string]string `json:"errorDetail,omitempty"`
}

// pull pretends to load an image, step by step.
func (a *api) pull(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	name, tag := query.Get("fromImage"), query.Get("tag")
	switch {
	case name == "":
		return refuse(http.StatusBadRequest, "fromImage is missing")
	case strings.Contains(tag, ":"): // a digest
		name += "@" + tag
	case tag != "":
		name += ":" + tag
	}
	name = fullName(name)
	a.engine.mu.Lock()
	failure := a.engine.pullError
	a.engine.mu.Unlock()

	const size = 6 << 20
	layer := digest(name)[:12]
	steps := []pullStep{
		{Status: "Pulling from " + name, ID: tag},
		{Status: "Pulling fs layer", ID: layer},
		{Status: "Downloading", ID: layer, Detail: map[string]int{"current": size / 2, "total": size}},
	}
	if failure != "" {
		steps = append(steps, pullStep{Error: failure, ErrorDetail: map[string]string{"message": failure}})
	} else {
		steps = append(steps,
			pullStep{Status: "Downloading", ID: layer, Detail: map[string]int{"current": size, "total": size}},
			pullStep{Status: "Pull complete", ID: layer},
			pullStep{Status: "Digest: sha256:" + digest(name)},
			pullStep{Status: fmt.Sprintf("Status: Downloaded newer image for %s", name)})
		a.engine.setImage(name, true)
		a.engine.events.add(events.ImageEventType, events.ActionPull, name, map[string]string{"name": name})
	}
	w.Header().Set("Content-Type", "application/json")
	out := json.NewEncoder(w)
	for _, step := range steps {
		if out.Encode(step) != nil || http.NewResponseController(w).Flush() != nil {
			return nil // the caller has gone
		}
	}
	return nil
}
