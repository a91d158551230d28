package pretend

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"
	"github.com/docker/go-connections/nat"
	"github.com/google/go-cmp/cmp"
)

func TestNegotiation(t *testing.T) {
	for _, version := range []string{"1.41", "1.45", "1.51"} {
		c := dockerOn(t, startHost(t, Config{APIVersion: version}))
		ping, err := c.Ping(t.Context())
		if err != nil || ping.APIVersion != version || ping.OSType != "linux" {
			t.Errorf("ping of %s = %+v, %v", version, ping, err)
		}
		v, err := c.ServerVersion(t.Context())
		if err != nil || v.APIVersion != version || c.ClientVersion() != version {
			t.Errorf("version of %s = %s, %v; client uses %s", version, v.APIVersion, err, c.ClientVersion())
		}
	}
}

// TestLife takes a container from its creation to its removal, on the oldest
// and the newest API.
func TestLife(t *testing.T) {
	for _, version := range []string{"1.41", "1.51"} {
		t.Run(version, func(t *testing.T) {
			h := startHost(t, Config{APIVersion: version, HasImage: true})
			testLife(t, h, dockerOn(t, h))
		})
	}
}

func testLife(t *testing.T, h *Host, c *client.Client) {
	port := freePort(t, h)
	id, err := create(t, c, "wrp_1", publish(port), "-O", "-n", "-token", "T", "-log", "/dev/null")
	if err != nil || len(id) != 64 {
		t.Fatalf("create = %q, %v", id, err)
	}
	if got := inspect(t, c, id); got != "created 0" {
		t.Errorf("after create: %s", got)
	}
	if got := get(t, h, port, "/", "T"); got != 0 {
		t.Errorf("before start: %d", got)
	}
	before := time.Now()
	if err := c.ContainerStart(t.Context(), "wrp_1", container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]int{"T": 200, "": 401} {
		if got := get(t, h, port, "/", token); got != want {
			t.Errorf("token %q: %d, want %d", token, got, want)
		}
	}
	info, err := c.ContainerInspect(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	want := nat.PortMap{"8080/tcp": {{HostIP: "0.0.0.0", HostPort: strconv.Itoa(port)}}}
	if diff := cmp.Diff(want, info.NetworkSettings.Ports); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
	if started, err := time.Parse(time.RFC3339Nano, info.State.StartedAt); err != nil || started.Before(before) {
		t.Errorf("StartedAt = %s, %v, not after %v", info.State.StartedAt, err, before)
	}
	if !info.State.Running || info.Name != "/wrp_1" || info.Config.Labels["made-by"] != t.Name() {
		t.Errorf("inspect = %+v %s %v", info.State, info.Name, info.Config.Labels)
	}
	got := h.Containers()
	if len(got) != 1 || got[0].ID != id || !got[0].Running || got[0].Port != port || got[0].Cmd[3] != "T" {
		t.Errorf("Containers() = %+v", got)
	}
	if err := c.ContainerStop(t.Context(), id, container.StopOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := inspect(t, c, id); got != "exited 0" {
		t.Errorf("after stop: %s", got)
	}
	if got := get(t, h, port, "/", "T"); got != 0 {
		t.Errorf("after stop: %d", got)
	}
	if err := c.ContainerRemove(t.Context(), id, container.RemoveOptions{RemoveVolumes: true}); err != nil {
		t.Fatal(err)
	}
	if got := inspect(t, c, id); got != "gone" {
		t.Errorf("after remove: %s", got)
	}
}

// TestRefusals checks what an engine says to things that cannot be.
func TestRefusals(t *testing.T) {
	h, c := ready(t)
	port := freePort(t, h)
	running := launch(t, c, "running", publish(port))
	stopped, err := create(t, c, "stopped", nil)
	if err != nil {
		t.Fatal(err)
	}
	paused := launch(t, c, "paused", nil)
	if err := c.ContainerPause(t.Context(), paused); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	for _, tt := range []struct {
		name string
		err  error
		is   func(error) bool
		text string
	}{
		{"name taken", second(create(t, c, "running", nil)), cerrdefs.IsNotFound, "already in use by container"},
		{"bad name", second(create(t, c, "a b", nil)), nil, "Invalid container name"},
		{"port is no number", second(create(t, c, "", &container.HostConfig{PortBindings: nat.PortMap{"8080/tcp": {{HostPort: "x"}}}})), nil, "invalid port specification"},
		{"start of nothing", c.ContainerStart(ctx, "nothing", container.StartOptions{}), cerrdefs.IsNotFound, "No such container: nothing"},
		{"start of a paused one", c.ContainerStart(ctx, paused, container.StartOptions{}), nil, "try unpause instead"},
		{"remove of a running one", c.ContainerRemove(ctx, running, container.RemoveOptions{}), nil, "cannot remove a running container"},
		{"remove of nothing", c.ContainerRemove(ctx, "nothing", container.RemoveOptions{Force: true}), cerrdefs.IsNotFound, ""},
		{"kill of a stopped one", c.ContainerKill(ctx, stopped, ""), nil, "is not running"},
		{"kill by a bad signal", c.ContainerKill(ctx, running, "SIGNONE"), nil, "Invalid signal"},
		{"stop of nothing", c.ContainerStop(ctx, "nothing", container.StopOptions{}), cerrdefs.IsNotFound, ""},
		{"pause of a paused one", c.ContainerPause(ctx, paused), nil, "already paused"},
		{"pause of a stopped one", c.ContainerPause(ctx, stopped), nil, "is not running"},
		{"unpause of a running one", c.ContainerUnpause(ctx, running), nil, "is not paused"},
	} {
		if tt.err == nil || !strings.Contains(tt.err.Error(), tt.text) {
			t.Errorf("%s: %v, want %q", tt.name, tt.err, tt.text)
		}
		if tt.name != "name taken" && tt.is != nil && !tt.is(tt.err) {
			t.Errorf("%s: %v is of another kind", tt.name, tt.err)
		}
	}
	// These ask for what is so already.
	if err := c.ContainerStart(ctx, running, container.StartOptions{}); err != nil {
		t.Errorf("start of a running one: %v", err)
	}
	if err := c.ContainerStop(ctx, stopped, container.StopOptions{}); err != nil {
		t.Errorf("stop of a stopped one: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// TestImage checks that nothing runs without the image, and how it gets there.
func TestImage(t *testing.T) {
	h := startHost(t, Config{})
	c := dockerOn(t, h)
	if _, err := create(t, c, "", nil); !cerrdefs.IsNotFound(err) || !strings.Contains(err.Error(), "No such image: "+DefaultImage) {
		t.Errorf("create without image: %v", err)
	}
	if _, err := c.ImageInspect(t.Context(), DefaultImage); !cerrdefs.IsNotFound(err) {
		t.Errorf("inspect of a missing image: %v", err)
	}
	h.PullFails("no route to registry")
	if out := pull(t, c, DefaultImage); !strings.Contains(out, `"error":"no route to registry"`) {
		t.Errorf("failing pull = %s", out)
	}
	if _, err := c.ImageInspect(t.Context(), DefaultImage); err == nil {
		t.Error("a failed pull brought the image")
	}
	h.PullFails("")
	if out := pull(t, c, DefaultImage); strings.Contains(out, "error") || strings.Count(out, "\n") < 5 {
		t.Errorf("pull = %s", out)
	}
	info, err := c.ImageInspect(t.Context(), "docker.io/"+DefaultImage)
	if err != nil || info.Config == nil || info.Config.WorkingDir != "/data" {
		t.Errorf("inspect = %+v, %v", info.Config, err)
	}
	launch(t, c, "", nil)
	h.SetImage(false)
	if _, err := create(t, c, "", nil); !cerrdefs.IsNotFound(err) {
		t.Errorf("create after the image was taken away: %v", err)
	}
}

// TestPortConflicts starts containers on ports that are taken, by a container
// and by something else.
func TestPortConflicts(t *testing.T) {
	h, c := ready(t)
	taken, foreign := freePort(t, h), freePort(t, h)
	first := launch(t, c, "first", publish(taken))
	release, err := h.TakePort(foreign)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		port    int
		hostIP  string
		remove  bool
		message string
	}{
		{taken, "", false, "port is already allocated"},
		{taken, "127.0.0.1", false, "port is already allocated"},
		{foreign, "", false, "address already in use"},
		{foreign, "", true, "address already in use"},
		{foreign, "192.0.2.1", false, "cannot assign requested address"},
	} {
		host := publish(tt.port)
		host.PortBindings["8080/tcp"][0].HostIP = tt.hostIP
		host.AutoRemove = tt.remove
		id, err := create(t, c, "", host)
		if err != nil {
			t.Fatal(err)
		}
		err = c.ContainerStart(t.Context(), id, container.StartOptions{})
		if err == nil || !strings.Contains(err.Error(), "driver failed programming external connectivity") || !strings.Contains(err.Error(), tt.message) {
			t.Errorf("start on %s:%d = %v, want %q", tt.hostIP, tt.port, err, tt.message)
		}
		if got, want := inspect(t, c, id), map[bool]string{true: "gone", false: "created 128"}[tt.remove]; got != want {
			t.Errorf("after the failed start: %s, want %s", got, want)
		}
	}
	// Both can be had again once they are free.
	release()
	if err := c.ContainerKill(t.Context(), first, ""); err != nil {
		t.Fatal(err)
	}
	for _, port := range []int{taken, foreign} {
		launch(t, c, "", publish(port))
		if got := get(t, h, port, "/", ""); got != 200 {
			t.Errorf("port %d after it was free again: %d", port, got)
		}
	}
}

// TestHalfPublished checks that a start which fails at its second port gives the
// first one back.
func TestHalfPublished(t *testing.T) {
	h, c := ready(t)
	first, second := freePort(t, h), freePort(t, h)
	release, err := h.TakePort(second)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	host := publish(first)
	host.PortBindings["8080/tcp"] = append(host.PortBindings["8080/tcp"], nat.PortBinding{HostPort: strconv.Itoa(second)})
	id, err := create(t, c, "", host)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.ContainerStart(t.Context(), id, container.StartOptions{}); err == nil {
		t.Error("started on a port that is taken")
	}
	launch(t, c, "", publish(first))
	release()
	host.PortBindings["8080/tcp"] = host.PortBindings["8080/tcp"][1:]
	host.PortBindings["8081/tcp"] = make([]nat.PortBinding, 7)
	launch(t, c, "several", host)
	info, err := c.ContainerInspect(t.Context(), "several")
	if err != nil {
		t.Fatal(err)
	}
	lowest := second
	for _, b := range info.NetworkSettings.Ports["8081/tcp"] {
		port, err := strconv.Atoi(b.HostPort)
		if err != nil {
			t.Fatal(err)
		}
		lowest = min(lowest, port)
	}
	for _, info := range h.Containers() {
		if info.Name == "several" && info.Port != lowest {
			t.Errorf("port = %d, want the lowest one, %d", info.Port, lowest)
		}
	}
}

// TestAmbiguousID checks that the beginning of two ids names neither. Of 17 ids
// two begin alike.
func TestAmbiguousID(t *testing.T) {
	_, c := ready(t)
	seen := make(map[string]bool)
	for range 17 {
		id, err := create(t, c, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		if seen[id[:1]] {
			if got := inspect(t, c, id[:1]); got != "gone" {
				t.Errorf("the beginning of two ids is %s", got)
			}
			return
		}
		seen[id[:1]] = true
	}
	t.Error("17 ids begin differently")
}

// TestRunsAreApart restarts containers: what belonged to the run before, a pause
// or a late end, does not touch the next one.
func TestRunsAreApart(t *testing.T) {
	h, c := ready(t)
	port := freePort(t, h)
	id := launch(t, c, "", publish(port))
	h.engine.mu.Lock()
	run := h.engine.containers[id].exited
	h.engine.mu.Unlock()
	if err := errors.Join(
		c.ContainerPause(t.Context(), id),
		c.ContainerKill(t.Context(), id, ""),
		c.ContainerStart(t.Context(), id, container.StartOptions{}),
	); err != nil {
		t.Fatal(err)
	}
	h.engine.endRun(h.engine.containers[id], run, 1)
	if got := inspect(t, c, id); got != "running 0" {
		t.Errorf("the end of an old run made it %s", got)
	}
	if got := get(t, h, port, "/", ""); got != 200 {
		t.Errorf("after a restart of a paused one: %d", got)
	}
}

// TestNameIsALock creates one name many times at once: one wins.
func TestNameIsALock(t *testing.T) {
	h, c := ready(t)
	var all sync.WaitGroup
	errs := make(chan error, 8)
	for range cap(errs) {
		all.Go(func() { errs <- second(create(t, c, "same", nil)) })
	}
	all.Wait()
	close(errs)
	won := 0
	for err := range errs {
		if err == nil {
			won++
		} else if !strings.Contains(err.Error(), "Conflict") {
			t.Error(err)
		}
	}
	if won != 1 || len(h.Containers()) != 1 {
		t.Errorf("%d creates of one name succeeded, %d containers", won, len(h.Containers()))
	}
}

// TestExits checks the exit codes of all ways to end.
func TestExits(t *testing.T) {
	h, c := ready(t)
	port := freePort(t, h)
	stop := func(seconds int) func(string) error {
		return func(id string) error {
			return c.ContainerStop(t.Context(), id, container.StopOptions{Timeout: &seconds})
		}
	}
	for _, tt := range []struct {
		name     string
		stubborn bool
		pause    bool
		args     string
		end      func(id string) error
		want     string
	}{
		{"stop", false, false, "", stop(5), "exited 0"},
		{"stop of a paused one", false, true, "", stop(5), "exited 0"},
		{"stop that is ignored", true, false, "", stop(0), "exited 137"},
		{"kill", false, false, "", func(id string) error { return c.ContainerKill(t.Context(), id, "") }, "exited 137"},
		{"kill of a paused one", false, true, "", func(id string) error { return c.ContainerKill(t.Context(), id, "KILL") }, "exited 137"},
		{"SIGTERM", false, false, "", func(id string) error { return c.ContainerKill(t.Context(), id, "SIGTERM") }, "exited 0"},
		{"SIGTERM ignored", true, false, "", func(id string) error { return c.ContainerKill(t.Context(), id, "15") }, "running 0"},
		{"a signal that WRP ignores", false, false, "", func(id string) error { return c.ContainerKill(t.Context(), id, "HUP") }, "running 0"},
		{"by itself", false, false, "", func(id string) error { h.KillContainer(id); return nil }, "exited 1"},
		{"unknown flag", false, false, "-x", func(string) error { return nil }, "exited 2"},
	} {
		h.IgnoreStopSignals(tt.stubborn)
		id := launch(t, c, "", publish(port), strings.Fields(tt.args)...)
		if tt.pause {
			if err := c.ContainerPause(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		if err := tt.end(id); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if got := inspect(t, c, id); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		if err := c.ContainerRemove(t.Context(), id, container.RemoveOptions{Force: true}); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestShutdownRequest ends a container as any visitor can.
func TestShutdownRequest(t *testing.T) {
	h, c := ready(t)
	port := freePort(t, h)
	id := launch(t, c, "", publish(port), "-token", "T")
	if got := get(t, h, port, "/shutdown/", ""); got != 200 {
		t.Errorf("GET /shutdown/ = %d", got)
	}
	eventually(t, "exited 1", func() bool { return inspect(t, c, id) == "exited 1" })
}

func TestAutoRemove(t *testing.T) {
	h, c := ready(t)
	host := publish(freePort(t, h))
	host.AutoRemove = true
	id := launch(t, c, "once", host)
	done, errs := c.ContainerWait(t.Context(), id, container.WaitConditionRemoved)
	h.KillContainer("once")
	select {
	case got := <-done:
		if got.StatusCode != 1 {
			t.Errorf("wait = %+v", got)
		}
	case err := <-errs:
		t.Error(err)
	}
	if got := inspect(t, c, id); got != "gone" {
		t.Errorf("after its end: %s", got)
	}
	launch(t, c, "once", host)
}

func TestWait(t *testing.T) {
	h, c := ready(t)
	id, err := create(t, c, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(condition container.WaitCondition, code int64, end func()) {
		t.Helper()
		done, errs := c.ContainerWait(t.Context(), id, condition)
		end()
		select {
		case got := <-done:
			if got.StatusCode != code {
				t.Errorf("wait %s = %+v, want %d", condition, got, code)
			}
		case err := <-errs:
			t.Errorf("wait %s: %v", condition, err)
		}
	}
	expect(container.WaitConditionNotRunning, 0, func() {})
	expect(container.WaitConditionNextExit, 1, func() {
		if err := c.ContainerStart(t.Context(), id, container.StartOptions{}); err != nil {
			t.Error(err)
		}
		h.KillContainer(id)
	})
	expect(container.WaitConditionRemoved, 1, func() {
		if err := c.ContainerRemove(t.Context(), id, container.RemoveOptions{}); err != nil {
			t.Error(err)
		}
	})
}

// TestPause checks that a paused container takes connections and says nothing.
func TestPause(t *testing.T) {
	h, c := ready(t)
	port := freePort(t, h)
	id := launch(t, c, "", publish(port))
	if err := c.ContainerPause(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if got := inspect(t, c, id); got != "paused 0" {
		t.Errorf("state = %s", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	url := fmt.Sprintf("http://%s:%d/", h.Addr(), port)
	if code, err := fetch(ctx, url, "", nil); ctx.Err() == nil {
		t.Errorf("a paused container answered %d, %v", code, err)
	}
	answer := make(chan int, 1)
	go func() { answer <- get(t, h, port, "/", "") }()
	if err := c.ContainerUnpause(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if got := <-answer; got != 200 {
		t.Errorf("after unpause: %d", got)
	}
}

func TestList(t *testing.T) {
	h, c := ready(t)
	a := launch(t, c, "a-one", publish(freePort(t, h)))
	b, err := create(t, c, "b-two", nil)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := h.ForeignContainer("c-three", map[string]string{"made-by": "somebody", "k": "v"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		all     bool
		filters string // KEY VALUE ...
		want    string
	}{
		{false, "", "c-three a-one"},
		{true, "", "c-three b-two a-one"},
		{true, "label made-by=" + t.Name(), "b-two a-one"},
		{true, "label made-by", "c-three b-two a-one"},
		{true, "label made-by=somebody label k=v", "c-three"},
		{true, "label made-by=somebody label k=w", ""},
		{true, "name two", "b-two"},
		{true, "name ^/a-one$", "a-one"},
		{true, "id " + b[:12], "b-two"},
		{false, "status created", "b-two"},
		{true, "status running", "c-three a-one"},
		{true, "status exited", ""},
	} {
		options := container.ListOptions{All: tt.all, Filters: filters.NewArgs()}
		for f := strings.Fields(tt.filters); len(f) > 0; f = f[2:] {
			options.Filters.Add(f[0], f[1])
		}
		list, err := c.ContainerList(t.Context(), options)
		if err != nil {
			t.Errorf("list %q: %v", tt.filters, err)
		}
		var names []string
		for _, s := range list {
			names = append(names, strings.TrimPrefix(s.Names[0], "/"))
		}
		if got := strings.Join(names, " "); got != tt.want {
			t.Errorf("list all=%v %q = %q, want %q", tt.all, tt.filters, got, tt.want)
		}
	}
	if _, err := c.ContainerList(t.Context(), container.ListOptions{Filters: filters.NewArgs(filters.Arg("nonsense", "x"))}); err == nil {
		t.Error("a filter that does not exist was accepted")
	}
	if got := inspect(t, c, a[:10]); got != "running 0" {
		t.Errorf("inspect by the beginning of the id = %s", got)
	}
	if got := inspect(t, c, stranger.ID); got != "running 0" {
		t.Errorf("the stranger is %s", got)
	}
}

// TestHostConfigIsKept checks that limits and the like can be read back.
func TestHostConfigIsKept(t *testing.T) {
	_, c := ready(t)
	host := &container.HostConfig{CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges"}, ReadonlyRootfs: true, Tmpfs: map[string]string{"/tmp": ""}}
	host.Memory = 1 << 30
	id, err := create(t, c, "", host)
	if err != nil {
		t.Fatal(err)
	}
	info, err := c.ContainerInspect(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(host, info.HostConfig); diff != "" {
		t.Errorf("HostConfig (-want +got):\n%s", diff)
	}
}

// TestThroughTunnel reaches a container by the host's own 127.0.0.1.
func TestThroughTunnel(t *testing.T) {
	h, c := ready(t)
	port := freePort(t, h)
	launch(t, c, "", publish(port))
	tunnel := login(t, h)
	// A channel ends with its client, even if the other side does not care.
	ln, err := net.Listen("tcp4", at(h, 0))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	nc, err := tunnel.Dial("tcp", net.JoinHostPort("localhost", strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)))
	if err != nil {
		t.Fatal(err)
	}
	nc.Close()
	eventually(t, "no channels but that of the Docker client", func() bool { return h.OpenChannels() == 1 })
	code, err := fetch(t.Context(), fmt.Sprintf("http://127.0.0.1:%d/img/big?bytes=1000000", port), "", transportBy(tunnel.DialContext))
	if code != 200 || err != nil {
		t.Errorf("through the tunnel: %d, %v", code, err)
	}
}
