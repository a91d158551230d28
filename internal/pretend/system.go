package pretend

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
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
	oldest, newest := a.engine.apiVersions()
	v := types.Version{
		Version:       serverVersion,
		APIVersion:    newest,
		MinAPIVersion: oldest,
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
		SystemTime:    e.now().Format(time.RFC3339Nano),
		OSType:        "linux",
		Architecture:  runtime.GOARCH,
		NCPU:          runtime.NumCPU(),
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	info.Images = len(e.images)
	info.MemTotal = e.memory
	info.MemoryLimit, info.CPUCfsPeriod, info.CPUCfsQuota, info.PidsLimit = !e.unlimited, !e.unlimited, !e.unlimited, !e.unlimited
	if e.unlimited {
		info.Warnings = []string{"WARNING: No memory limit support", "WARNING: No pids limit support"}
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
	id, ok := a.engine.imageID(name)
	if !ok {
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
			ID:           id,
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

// newImageID returns the id of the version of an image with that number.
func newImageID(fullName string, version int) string {
	return "sha256:" + digest(fmt.Sprint(fullName, " ", version))
}

// A pullStep is one line of the answer to a pull.
type pullStep struct {
	Status      string            `json:"status,omitempty"`
	ID          string            `json:"id,omitempty"`
	Detail      map[string]int    `json:"progressDetail,omitempty"`
	Error       string            `json:"error,omitempty"`
	ErrorDetail map[string]string `json:"errorDetail,omitempty"`
}

// pull pretends to load an image, step by step.
func (a *api) pull(w http.ResponseWriter, r *http.Request) error {
	name, err := pulledName(r.URL.Query())
	if err != nil {
		return err
	}
	a.engine.mu.Lock()
	failure := a.engine.pullError
	a.engine.mu.Unlock()
	if failure == "" {
		a.engine.pulled(name)
		a.engine.events.add(events.ImageEventType, events.ActionPull, name, map[string]string{"name": name})
	}
	w.Header().Set("Content-Type", "application/json")
	out := json.NewEncoder(w)
	for _, step := range pullSteps(name, failure) {
		if out.Encode(step) != nil || http.NewResponseController(w).Flush() != nil {
			return nil // the caller has gone
		}
	}
	return nil
}

// pulledName returns the full name of the image that a pull asks for.
func pulledName(query url.Values) (string, error) {
	name, tag := query.Get("fromImage"), query.Get("tag")
	switch {
	case name == "":
		return "", refuse(http.StatusBadRequest, "fromImage is missing")
	case strings.Contains(tag, ":"): // a digest
		name += "@" + tag
	case tag != "":
		name += ":" + tag
	}
	return fullName(name), nil
}

// pullSteps returns the lines of a pull. It ends with the failure, if there is one.
func pullSteps(name, failure string) []pullStep {
	const size = 6 << 20
	layer := digest(name)[:12]
	steps := []pullStep{
		{Status: "Pulling from " + name},
		{Status: "Pulling fs layer", ID: layer},
		{Status: "Downloading", ID: layer, Detail: map[string]int{"current": size / 2, "total": size}},
	}
	if failure != "" {
		return append(steps, pullStep{Error: failure, ErrorDetail: map[string]string{"message": failure}})
	}
	return append(steps,
		pullStep{Status: "Downloading", ID: layer, Detail: map[string]int{"current": size, "total": size}},
		pullStep{Status: "Pull complete", ID: layer},
		pullStep{Status: "Digest: sha256:" + digest(name)},
		pullStep{Status: "Status: Downloaded newer image for " + name})
}
