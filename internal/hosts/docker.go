package hosts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
)

// An engine is the Docker engine of one host. This file and those named docker_
// alone know the Docker client library, which is frozen upstream and has a
// successor.
type engine struct {
	transport *http.Transport
	answered  atomic.Int64 // when the engine last answered anything, in Unix nanoseconds
	slow      slowRequests

	mu      sync.Mutex
	api     *client.Client
	version string // the newest that the engine speaks, when api was made; empty: not known
}

// connBuffer is of a connection to an engine. Each host has two, most of the time with
// nothing to say.
const connBuffer = 1024

// newEngine returns the engine behind dial.
func newEngine(dial func(context.Context) (net.Conn, error)) (*engine, error) {
	e := &engine{transport: &http.Transport{
		DialContext:         func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		IdleConnTimeout:     time.Minute,
		MaxIdleConnsPerHost: maxStdio,
		ReadBufferSize:      connBuffer,
		WriteBufferSize:     connBuffer,

		MaxResponseHeaderBytes: maxHeader,
	}}
	var err error
	e.api, err = e.newClient()
	return e, err
}

// newClient returns a client that has not agreed on a version with the engine yet.
// A client never goes up again from the version that it once agreed on.
func (e *engine) newClient() (*client.Client, error) {
	api, err := client.NewClientWithOpts(
		client.WithHost(dockerHost),
		// After the host, which would have the transport ask the environment for a proxy.
		client.WithHTTPClient(&http.Client{Transport: e, CheckRedirect: client.CheckRedirect}),
		client.WithAPIVersionNegotiation(),
	)
	if err != nil {
		return nil, fmt.Errorf("docker client: %w", err)
	}
	return api, nil
}

func (e *engine) client() *client.Client {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.api
}

func (e *engine) close() { e.transport.CloseIdleConnections() }

// RoundTrip implements [http.RoundTripper]. It notes that the engine answers, and bounds what.
func (e *engine) RoundTrip(r *http.Request) (*http.Response, error) {
	r, over := e.slow.follow(r)
	resp, err := queue{e.transport}.RoundTrip(r)
	if err != nil {
		over()
		return nil, noAnswer{err}
	}
	e.hear()
	resp.Body = bound(resp, &answerBody{resp.Body, e, over})
	return resp, nil
}

func (e *engine) hear() { e.answered.Store(time.Now().UnixNano()) }

// answeredSince reports whether the engine has answered anything after t.
func (e *engine) answeredSince(t time.Time) bool { return e.answered.Load() > t.UnixNano() }

// isEngineError reports whether err is an error that the engine answered with, as
// opposed to no answer.
func isEngineError(err error) bool {
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

// engineInfo is what an engine tells of itself.
type engineInfo struct {
	ID      string
	Version string
	Now     time.Time // its own clock
	Memory  int64     // of its host, in bytes
}

func (e *engine) info(ctx context.Context) (engineInfo, error) {
	i, err := e.client().Info(ctx)
	if err != nil {
		return engineInfo{}, err
	}
	now, err := time.Parse(time.RFC3339Nano, i.SystemTime)
	if err != nil {
		return engineInfo{}, fmt.Errorf("engine's clock: %w", err)
	}
	return engineInfo{ID: inLine(i.ID), Version: inLine(i.ServerVersion), Now: now, Memory: i.MemTotal}, nil
}

// ping does nothing but ask for an answer. If the engine speaks other versions than
// before, it was upgraded in place, and another one is agreed on.
func (e *engine) ping(ctx context.Context) error {
	pong, err := e.client().Ping(ctx)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if pong.APIVersion == e.version {
		return nil
	}
	api, err := e.newClient()
	if err != nil {
		return err
	}
	api.NegotiateAPIVersionPing(pong)
	e.api, e.version = api, pong.APIVersion
	return nil
}

// isVersionError reports whether err is an engine's no to the version that was
// agreed on.
func isVersionError(err error) bool {
	return cerrdefs.IsInvalidArgument(err) && strings.Contains(err.Error(), "client version")
}

// An imageInfo is what an engine says of an image. The zero value is no image.
type imageInfo struct {
	id  string
	dir string // in which its containers work
}

// image returns the image that has the name now.
func (e *engine) image(ctx context.Context, name string) (imageInfo, error) {
	img, err := e.client().ImageInspect(ctx, name)
	switch {
	case cerrdefs.IsNotFound(err):
		return imageInfo{}, fmt.Errorf("%w: %s", ErrImageMissing, name)
	case err != nil:
		return imageInfo{}, err
	}
	info := imageInfo{id: inLine(img.ID), dir: "/"}
	if img.Config != nil && img.Config.WorkingDir != "" {
		info.dir = img.Config.WorkingDir
	}
	return info, nil
}

// pull fetches the image, calling progress with bytes done and in total. It takes what
// its registry takes.
func (e *engine) pull(ctx context.Context, name string, progress func(done, total int64)) error {
	body, err := e.client().ImagePull(mayLast(ctx, noLimit), name, image.PullOptions{})
	if err != nil {
		return err
	}
	defer body.Close()
	layers := make(map[string]pullDetail)
	for dec := json.NewDecoder(body); ; {
		var m struct {
			ID, Error      string
			ProgressDetail pullDetail
		}
		if err := dec.Decode(&m); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read pull progress: %w", err)
		}
		if m.Error != "" {
			return errors.New(m.Error)
		}
		if _, known := layers[m.ID]; m.ProgressDetail.Total > 0 && (known || len(layers) < maxLayers) {
			layers[m.ID] = m.ProgressDetail
			progress(sum(layers))
		}
	}
}

// A pullDetail is how much of a layer has been pulled, in bytes.
type pullDetail struct{ Current, Total int64 }

func sum(layers map[string]pullDetail) (done, total int64) {
	for _, l := range layers {
		done += l.Current
		total += l.Total
	}
	return done, total
}

// An eventStream is what happens to containers from a time on.
type eventStream struct {
	messages <-chan events.Message
	failed   <-chan error
}

// events streams what happens to the containers that carry a label, from a time
// of the engine's clock on, until ctx ends or the stream breaks.
func (e *engine) events(ctx context.Context, since time.Time, label string) eventStream {
	filter := filters.NewArgs(filters.Arg("type", string(events.ContainerEventType)), filters.Arg("label", label))
	for _, a := range []Action{Created, Started, Died, Destroyed} {
		filter.Add("event", string(a))
	}
	messages, failed := e.client().Events(mayLast(ctx, noLimit), events.ListOptions{Since: engineTime(since), Filters: filter})
	return eventStream{messages, failed}
}

// next waits for the next event. An error is the end of the stream.
func (s eventStream) next() (Event, error) {
	select {
	case m := <-s.messages:
		if err := checkID(m.Actor.ID); err != nil {
			return Event{}, err
		}
		c := newContainer(m.Actor.ID, m.Actor.Attributes["name"], m.Actor.Attributes, time.Time{})
		return Event{Action: Action(m.Action), Container: c}, nil
	case err := <-s.failed:
		return Event{}, err
	}
}

func engineTime(t time.Time) string { return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()) }
