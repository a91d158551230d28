package hosts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"github.com/docker/go-connections/nat"
)

// An engine is the Docker engine of one host. This file alone knows the Docker
// client library, which is frozen upstream and has a successor.
type engine struct {
	api *client.Client
}

// newEngine returns the engine behind dial.
func newEngine(dial func(context.Context) (net.Conn, error)) (*engine, error) {
	transport := &http.Transport{IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: maxStdio}
	api, err := client.NewClientWithOpts(
		client.WithHTTPClient(&http.Client{Transport: transport}),
		client.WithHost("http://docker.invalid"),
		client.WithDialContext(func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }),
		client.WithAPIVersionNegotiation(),
	)
	if err != nil {
		return nil, fmt.Errorf("docker client: %w", err)
	}
	return &engine{api: api}, nil
}

func (e *engine) close() error { return e.api.Close() }

// answered reports whether err is the engine's own word, as opposed to silence.
func answered(err error) bool {
	for _, is := range []func(error) bool{
		cerrdefs.IsNotFound, cerrdefs.IsConflict, cerrdefs.IsInvalidArgument, cerrdefs.IsInternal,
		cerrdefs.IsPermissionDenied, cerrdefs.IsUnauthorized, cerrdefs.IsNotImplemented, cerrdefs.IsUnavailable,
	} {
		if is(err) {
			return true
		}
	}
	return false
}

// engineInfo is what an engine says of itself.
type engineInfo struct {
	ID      string
	Version string
	Now     time.Time // its own clock
}

func (e *engine) info(ctx context.Context) (engineInfo, error) {
	i, err := e.api.Info(ctx)
	if err != nil {
		return engineInfo{}, err
	}
	now, err := time.Parse(time.RFC3339Nano, i.SystemTime)
	if err != nil {
		return engineInfo{}, fmt.Errorf("engine's clock: %w", err)
	}
	return engineInfo{ID: i.ID, Version: i.ServerVersion, Now: now}, nil
}

// ping asks for a sign of life.
func (e *engine) ping(ctx context.Context) error {
	_, err := e.api.Ping(ctx)
	return err
}

// imageDir returns the image's working directory.
func (e *engine) imageDir(ctx context.Context, name string) (string, error) {
	img, err := e.api.ImageInspect(ctx, name)
	switch {
	case cerrdefs.IsNotFound(err):
		return "", fmt.Errorf("%w: %s", ErrImageMissing, name)
	case err != nil:
		return "", err
	case img.Config == nil || img.Config.WorkingDir == "":
		return "/", nil
	}
	return img.Config.WorkingDir, nil
}

// pull fetches the image, calling progress with bytes done and in total.
func (e *engine) pull(ctx context.Context, name string, progress func(done, total int64)) error {
	body, err := e.api.ImagePull(ctx, name, image.PullOptions{})
	if err != nil {
		return err
	}
	defer body.Close()
	type layer struct{ current, total int64 }
	layers := make(map[string]layer)
	for dec := json.NewDecoder(body); ; {
		var m struct {
			ID, Error      string
			ProgressDetail struct{ Current, Total int64 }
		}
		if err := dec.Decode(&m); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read pull progress: %w", err)
		}
		if m.Error != "" {
			return errors.New(m.Error)
		}
		if m.ProgressDetail.Total > 0 {
			layers[m.ID] = layer{m.ProgressDetail.Current, m.ProgressDetail.Total}
			var sum layer
			for l := range maps.Values(layers) {
				sum.current += l.current
				sum.total += l.total
			}
			progress(sum.current, sum.total)
		}
	}
}

// create makes a container and returns its id.
func (e *engine) create(ctx context.Context, s Spec, c Container, tls *TLSFiles, workDir string) (string, error) {
	inside := nat.Port("8080/tcp")
	capAdd := []string{}
	binds := []string{}
	if tls != nil {
		inside = "8081/tcp"
		// The key file may be readable by its owner only, who is not root's
		// equal once all capabilities are dropped.
		capAdd = append(capAdd, "DAC_READ_SEARCH")
		binds = append(binds,
			tls.Cert+":"+path.Join(workDir, "cert.crt")+":ro",
			tls.Key+":"+path.Join(workDir, "private.key")+":ro")
	}
	pids := c.Pids
	resp, err := e.api.ContainerCreate(ctx,
		&container.Config{
			Image:        c.Image,
			Cmd:          c.command(s.Token),
			Labels:       s.labels(),
			ExposedPorts: nat.PortSet{inside: {}},
		},
		&container.HostConfig{
			PortBindings:   nat.PortMap{inside: {{HostPort: strconv.Itoa(s.Port)}}},
			Binds:          binds,
			CapDrop:        []string{"ALL"},
			CapAdd:         capAdd,
			SecurityOpt:    []string{"no-new-privileges"},
			ReadonlyRootfs: true,
			Tmpfs:          map[string]string{"/tmp": ""},
			LogConfig:      container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "1m", "max-file": "1"}},
			Resources:      container.Resources{Memory: c.Memory, NanoCPUs: int64(c.CPUs * 1e9), PidsLimit: &pids},
		}, nil, nil, s.Name)
	switch {
	case cerrdefs.IsConflict(err):
		return "", fmt.Errorf("%w: %s", ErrNameTaken, s.Name)
	case cerrdefs.IsNotFound(err):
		return "", fmt.Errorf("%w: %s", ErrImageMissing, c.Image)
	}
	return resp.ID, err
}

func (e *engine) start(ctx context.Context, id string) error {
	err := e.api.ContainerStart(ctx, id, container.StartOptions{})
	switch {
	case err == nil:
		return nil
	case cerrdefs.IsNotFound(err):
		return fmt.Errorf("%w: %w", ErrGone, err)
	case isPortTaken(err):
		return fmt.Errorf("%w: %w", ErrPortTaken, err)
	}
	return err
}

// isPortTaken reads the engine's words: it calls a taken port an internal error,
// like everything that goes wrong in a start.
func isPortTaken(err error) bool {
	text := err.Error()
	return strings.Contains(text, "port is already allocated") || strings.Contains(text, "address already in use")
}

// inspect returns what runs under an id or a name.
func (e *engine) inspect(ctx context.Context, ref string) (Found, error) {
	i, err := e.api.ContainerInspect(ctx, ref)
	if cerrdefs.IsNotFound(err) {
		return Found{}, fmt.Errorf("%w: %s", ErrGone, ref)
	}
	if err != nil {
		return Found{}, err
	}
	created, err := time.Parse(time.RFC3339Nano, i.Created)
	if err != nil {
		return Found{}, fmt.Errorf("creation time of %s: %w", ref, err)
	}
	f := found(i.ID, i.Name, i.Config.Labels, created)
	f.Running = i.State.Running || i.State.Paused
	return f, nil
}

// list returns all containers that carry a label, running or not.
func (e *engine) list(ctx context.Context, label string) ([]Found, error) {
	all, err := e.api.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", label))})
	if err != nil {
		return nil, err
	}
	list := make([]Found, 0, len(all))
	for _, c := range all {
		name := ""
		if len(c.Names) > 0 {
			name = c.Names[0]
		}
		f := found(c.ID, name, c.Labels, time.Unix(c.Created, 0))
		f.Running = c.State == "running" || c.State == "paused"
		list = append(list, f)
	}
	return list, nil
}

// events streams what happens to the containers that carry a label, from a time
// of the engine's clock on, until ctx ends or the stream breaks.
func (e *engine) events(ctx context.Context, since time.Time, label string) (<-chan Event, <-chan error) {
	wanted := filters.NewArgs(filters.Arg("type", string(events.ContainerEventType)), filters.Arg("label", label))
	for _, a := range []Action{Created, Started, Died, Destroyed} {
		wanted.Add("event", string(a))
	}
	messages, failed := e.api.Events(ctx, events.ListOptions{Since: engineTime(since), Filters: wanted})
	out, broken := make(chan Event), make(chan error, 1)
	go func() {
		for {
			select {
			case m := <-messages:
				ev := Event{Action: Action(m.Action), Container: found(m.Actor.ID, m.Actor.Attributes["name"], m.Actor.Attributes, time.Time{})}
				select {
				case out <- ev:
				case <-ctx.Done():
				}
			case err := <-failed:
				broken <- err
				return
			}
		}
	}()
	return out, broken
}

func engineTime(t time.Time) string { return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()) }

// stop asks the container to end, and kills it after the grace.
func (e *engine) stop(ctx context.Context, ref string, grace time.Duration) error {
	seconds := int((grace + time.Second - 1) / time.Second)
	err := e.api.ContainerStop(ctx, ref, container.StopOptions{Timeout: &seconds})
	if cerrdefs.IsNotFound(err) {
		return nil
	}
	return err
}

// remove kills and removes the container; its name is free when it returns.
func (e *engine) remove(ctx context.Context, ref string) error {
	err := e.api.ContainerRemove(ctx, ref, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if cerrdefs.IsNotFound(err) {
		return nil
	}
	if cerrdefs.IsConflict(err) && strings.Contains(err.Error(), "already in progress") {
		return e.awaitAbsence(ctx, ref) // someone else is removing it
	}
	return err
}

func (e *engine) awaitAbsence(ctx context.Context, ref string) error {
	for {
		if _, err := e.inspect(ctx, ref); err != nil {
			if errors.Is(err, ErrGone) {
				return nil
			}
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the removal of %s: %w", ref, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
