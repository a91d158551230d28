package pretend

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"
	"github.com/docker/go-connections/nat"
	"github.com/google/go-cmp/cmp"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/porttest"
)

// TestBehavesLikeRealEngine does the same things on a pretend host and on this
// machine's engine, and compares what comes back.
func TestBehavesLikeRealEngine(t *testing.T) {
	if testing.Short() {
		t.Skip("a real engine takes some seconds")
	}
	hoststest.StandIn(t)
	real, err := client.NewClientWithOpts(client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { real.Close() })
	version, err := real.ServerVersion(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sweep(t, real)
	want := (&play{t: t, client: real, addr: "127.0.0.1", id: newID()[:12]}).perform()

	newest := min(version.APIVersion, "1.51")
	h := startHost(t, Config{Image: hoststest.Image, HasImage: true, APIVersion: newest})
	got := (&play{t: t, client: dockerOn(t, h), addr: h.Addr(), id: newID()[:12]}).perform()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("engine %s and a pretend host differ (-real +pretend):\n%s", version.Version, diff)
	}
}

// playLabel marks the containers of a play.
const playLabel = "wrpdistributor.play"

// sweep removes what a killed test left, and nothing of one that may be running.
func sweep(t *testing.T, c *client.Client) {
	list, err := c.ContainerList(t.Context(), container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", playLabel))})
	for _, old := range list {
		if time.Since(time.Unix(old.Created, 0)) > 5*time.Minute {
			err = errors.Join(err, c.ContainerRemove(t.Context(), old.ID, container.RemoveOptions{Force: true}))
		}
	}
	if err != nil {
		t.Error(err)
	}
}

// A play is a sequence of calls to an engine and a record of its answers.
type play struct {
	t      *testing.T
	client *client.Client
	addr   string // where published ports are
	id     string // of its containers
	record []string
}

// name returns a container name that no other play has.
func (p *play) name(short string) string { return "play-" + p.id + "-" + short }

func (p *play) note(step string, err error) {
	p.t.Helper()
	p.record = append(p.record, step+": "+kind(err))
}

// kind says what an error is, as far as all engines agree in it.
func kind(err error) string {
	if err == nil {
		return "ok"
	}
	for _, text := range []string{"port is already allocated", "address already in use", "is not paused", "networks have same bridge name", "bind source path does not exist"} {
		if strings.Contains(err.Error(), text) {
			return text
		}
	}
	switch {
	case cerrdefs.IsNotFound(err):
		return "not found"
	case cerrdefs.IsConflict(err):
		return "conflict"
	case cerrdefs.IsInvalidArgument(err):
		return "invalid"
	}
	return err.Error()
}

// createWithoutFile asks for a container that is given a file which is missing.
func (p *play) createWithoutFile(image string) {
	p.t.Helper()
	host := &container.HostConfig{Mounts: []mount.Mount{{Type: mount.TypeBind, Source: "/no/such/file", Target: "/x"}}}
	_, err := p.client.ContainerCreate(p.t.Context(), &container.Config{Image: image}, host, nil, nil, p.name("without-file"))
	p.note("create without file of "+image, err)
}

// create makes a container of this play, whose port leads to 8080.
func (p *play) create(name, image string, port int, remove bool, args ...string) string {
	p.t.Helper()
	host := &container.HostConfig{AutoRemove: remove}
	if port != 0 {
		host.PortBindings = nat.PortMap{"8080/tcp": {{HostIP: "127.0.0.1", HostPort: strconv.Itoa(port)}}}
	}
	resp, err := p.client.ContainerCreate(p.t.Context(), &container.Config{Image: image, Cmd: args, Labels: map[string]string{playLabel: p.name("")}}, host, nil, nil, p.name(name))
	p.note("create "+name, err)
	return resp.ID
}

// mine is the filter for the containers of this play.
func (p *play) mine() filters.KeyValuePair {
	return filters.Arg("label", playLabel+"="+p.name(""))
}

// look notes the state of a container.
func (p *play) look(ref string) { p.record = append(p.record, p.state(ref)) }

func (p *play) state(ref string) string {
	info, err := p.client.ContainerInspect(p.t.Context(), ref)
	if err != nil {
		return "inspect: " + kind(err)
	}
	s := info.State
	return fmt.Sprintf("inspect: %s running %v paused %v exit %d, %d ports, %d-digit id",
		s.Status, s.Running, s.Paused, s.ExitCode, len(info.NetworkSettings.Ports["8080/tcp"]), len(info.ID))
}

// image notes whether a container tells the id of the image that its name stands for.
func (p *play) image(ref string) {
	p.t.Helper()
	made, err := p.client.ContainerInspect(p.t.Context(), ref)
	if err != nil {
		p.t.Fatal(err)
	}
	image, err := p.client.ImageInspect(p.t.Context(), hoststest.Image)
	if err != nil {
		p.t.Fatal(err)
	}
	p.record = append(p.record, fmt.Sprintf("image: the named one %t, %d characters", made.Image == image.ID, len(image.ID)))
}

func (p *play) get(port int, path, token string) {
	p.t.Helper()
	var code int
	eventually(p.t, "an answer of the container", func() bool {
		var err error
		code, err = fetch(p.t.Context(), "http://"+net.JoinHostPort(p.addr, strconv.Itoa(port))+path, token, &http.Transport{})
		return err == nil
	})
	p.record = append(p.record, fmt.Sprintf("GET %s with %q: %d", path, token, code))
}

// perform is the play.
func (p *play) perform() []string {
	ctx := p.t.Context()
	defer p.clear()
	begin := stampNow()
	p.create("none", "no-such-image:at-all", 0, false)
	p.createWithoutFile("no-such-image:at-all")
	p.createWithoutFile(hoststest.Image)
	port, taken := porttest.Free(p.t), porttest.Free(p.t)
	id := p.create("one", hoststest.Image, port, false, "-token", "T", "-log", "/dev/null")
	p.create("one", hoststest.Image, 0, false)
	p.look(id)
	p.image(id)
	p.note("start", p.client.ContainerStart(ctx, id, container.StartOptions{}))
	p.note("start again", p.client.ContainerStart(ctx, p.name("one"), container.StartOptions{}))
	p.look(p.name("one"))
	p.get(port, "/", "T")
	p.get(port, "/", "")
	p.get(port, "/favicon.ico", "")
	p.note("remove while it runs", p.client.ContainerRemove(ctx, id, container.RemoveOptions{}))
	p.pausing(id)
	p.conflicts(port, taken)
	p.note("start", p.client.ContainerStart(ctx, id, container.StartOptions{}))
	p.get(port, "/shutdown/", "")
	p.await("exited", id, "inspect: exited running false paused false exit 1, 0 ports, 64-digit id")
	p.note("remove", p.client.ContainerRemove(ctx, id, container.RemoveOptions{Force: true}))
	p.note("remove again", p.client.ContainerRemove(ctx, id, container.RemoveOptions{Force: true}))
	p.look(id)

	p.networks()
	p.badFlag("kept", false, "inspect: exited running false paused false exit 2, 0 ports, 64-digit id")
	p.badFlag("once", true, "inspect: not found")
	return append(p.record, p.events(begin, id)...)
}

// pausing pauses and ends a container in ways that can go wrong.
func (p *play) pausing(id string) {
	ctx, seconds := p.t.Context(), 5
	p.note("pause", p.client.ContainerPause(ctx, id))
	p.note("pause again", p.client.ContainerPause(ctx, id))
	p.look(id)
	p.note("start while paused", p.client.ContainerStart(ctx, id, container.StartOptions{}))
	p.note("stop", p.client.ContainerStop(ctx, id, container.StopOptions{Timeout: &seconds}))
	p.look(id)
	p.note("stop again", p.client.ContainerStop(ctx, id, container.StopOptions{Timeout: &seconds}))
	p.note("kill", p.client.ContainerKill(ctx, id, ""))
	p.note("pause", p.client.ContainerPause(ctx, id))
	p.note("unpause", p.client.ContainerUnpause(ctx, id))
	p.note("start", p.client.ContainerStart(ctx, id, container.StartOptions{}))
	p.note("unpause", p.client.ContainerUnpause(ctx, id))
}

// conflicts starts containers on a port of a container and of a process.
func (p *play) conflicts(port, taken int) {
	ln, err := net.Listen("tcp4", net.JoinHostPort(p.addr, strconv.Itoa(taken)))
	if err != nil {
		p.t.Fatal(err)
	}
	defer ln.Close()
	for i, wanted := range []int{port, taken} {
		second := p.create(fmt.Sprintf("two-%d", i), hoststest.Image, wanted, false)
		p.note("start", p.client.ContainerStart(p.t.Context(), second, container.StartOptions{}))
		p.look(second)
		third := p.create(fmt.Sprintf("three-%d", i), hoststest.Image, wanted, true)
		p.note("start", p.client.ContainerStart(p.t.Context(), third, container.StartOptions{}))
		eventually(p.t, "a failed container is removed", func() bool {
			_, err := p.client.ContainerInspect(p.t.Context(), third)
			return cerrdefs.IsNotFound(err)
		})
	}
	list, err := p.client.ContainerList(p.t.Context(), container.ListOptions{All: true, Filters: filters.NewArgs(p.mine())})
	p.note("list", err)
	for _, c := range list {
		// A real engine also lists ports that the image mentions.
		published := slices.DeleteFunc(c.Ports, func(p container.Port) bool { return p.PublicPort == 0 })
		p.record = append(p.record, fmt.Sprint("listed: ", strings.ReplaceAll(c.Names[0], p.name(""), ""), " ", c.State, len(published), len(c.Labels)))
	}
	if err := p.client.ContainerKill(p.t.Context(), p.name("one"), "KILL"); err != nil {
		p.t.Error(err)
	}
	p.look(p.name("one"))
}

// badFlag runs a container that ends at once, and is removed then or not.
func (p *play) badFlag(name string, remove bool, want string) {
	id := p.create(name, hoststest.Image, 0, remove, "-no-such-flag")
	p.note("start", p.client.ContainerStart(p.t.Context(), id, container.StartOptions{}))
	p.await("ended", id, want)
	p.output(id)
}

// output notes what a container wrote.
func (p *play) output(id string) {
	body, err := p.client.ContainerLogs(p.t.Context(), id, container.LogsOptions{ShowStdout: true, ShowStderr: true, Tail: "20"})
	if err != nil {
		p.note("logs", err)
		return
	}
	defer body.Close()
	var stdout, stderr strings.Builder
	_, err = stdcopy.StdCopy(&stdout, &stderr, body)
	p.note(fmt.Sprintf("logs %q %q", stdout.String(), stderr.String()), err)
}

// await waits until a container ends by itself, in the way that want says.
func (p *play) await(what, id, want string) {
	p.t.Helper()
	eventually(p.t, what, func() bool { return p.state(id) == want })
	p.record = append(p.record, want)
}

// events returns what happened to a container since begin. The order within one
// end differs between engines.
func (p *play) events(begin, id string) []string {
	var all []string
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	messages, errs := p.client.Events(ctx, events.ListOptions{Since: begin, Until: seconds(time.Now().UnixNano()),
		Filters: filters.NewArgs(filters.Arg("type", "container"), p.mine(), filters.Arg("container", id))})
	for {
		select {
		case m := <-messages:
			all = append(all, "event "+strings.ReplaceAll(tell(m), p.name(""), ""))
		case <-errs:
			slices.Sort(all)
			return all
		}
	}
}

// freePort returns a port that nobody listens on.
// clear removes the containers of the play, however far it got.
func (p *play) clear() {
	ctx := context.WithoutCancel(p.t.Context())
	list, err := p.client.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(p.mine())})
	for _, c := range list {
		err = errors.Join(err, p.client.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true}))
	}
	if err != nil {
		p.t.Error(err)
	}
}
