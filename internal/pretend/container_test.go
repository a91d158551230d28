package pretend

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/go-connections/nat"
	"github.com/google/go-cmp/cmp"

	"wrpdistributor/internal/porttest"
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

// TestFailedStartKeepsNoPort: a start that fails at its second port gives the
// first one back.
func TestFailedStartKeepsNoPort(t *testing.T) {
	h, c := ready(t)
	first, second := porttest.Free(t), porttest.Free(t)
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
}

// TestEarlierRunEndsNoLaterOne: what belonged to a run of a container, its pause or
// its late end, changes nothing in the next one.
func TestEarlierRunEndsNoLaterOne(t *testing.T) {
	h, c := ready(t)
	port := porttest.Free(t)
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

func TestIgnoredStopSignals(t *testing.T) {
	h, c := ready(t)
	h.IgnoreStopSignals(true)
	id, zero := launch(t, c, "", nil), 0
	if err := c.ContainerKill(t.Context(), id, "SIGTERM"); err != nil || inspect(t, c, id) != "running 0" {
		t.Errorf("after SIGTERM: %v, %s", err, inspect(t, c, id))
	}
	if err := c.ContainerStop(t.Context(), id, container.StopOptions{Timeout: &zero}); err != nil || inspect(t, c, id) != "exited 137" {
		t.Errorf("after the grace of a stop: %v, %s", err, inspect(t, c, id))
	}
}

// TestPause checks that a paused container accepts connections and sends nothing.
func TestPause(t *testing.T) {
	h, c := ready(t)
	port := porttest.Free(t)
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

// TestListByLabel: the one filter that there is.
func TestListByLabel(t *testing.T) {
	h, c := ready(t)
	launch(t, c, "a-one", nil)
	if _, err := create(t, c, "b-two", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := h.ForeignContainer("c-three", map[string]string{"made-by": "somebody", "k": "v"}, 0); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		all    bool
		labels string
		want   string
	}{
		{false, "", "c-three a-one"},
		{true, "", "c-three b-two a-one"},
		{true, "made-by=" + t.Name(), "b-two a-one"},
		{true, "made-by", "c-three b-two a-one"},
		{true, "made-by=somebody k=v", "c-three"},
		{true, "made-by=somebody k=w", ""},
	} {
		options := container.ListOptions{All: tt.all, Filters: filters.NewArgs()}
		for _, label := range strings.Fields(tt.labels) {
			options.Filters.Add("label", label)
		}
		list, err := c.ContainerList(t.Context(), options)
		if err != nil {
			t.Errorf("list %q: %v", tt.labels, err)
		}
		var names []string
		for _, s := range list {
			names = append(names, strings.TrimPrefix(s.Names[0], "/"))
		}
		if got := strings.Join(names, " "); got != tt.want {
			t.Errorf("list all=%v %q = %q, want %q", tt.all, tt.labels, got, tt.want)
		}
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
	port := porttest.Free(t)
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
