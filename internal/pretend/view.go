package pretend

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	apinetwork "github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"
)

// A ContainerInfo describes a container to a test, without a request to the
// Docker API.
type ContainerInfo struct {
	ID, Name string
	Image    string
	Network  string // as it was asked for; empty: the engine's own bridge
	Cmd      []string
	Labels   map[string]string
	Created  time.Time
	Running  bool // paused ones too
	Paused   bool
	ExitCode int
	Port     int // of the host, the lowest one if it has several; 0: none is open
}

// Containers returns all containers, oldest first.
func (h *Host) Containers() []ContainerInfo {
	h.engine.mu.Lock()
	defer h.engine.mu.Unlock()
	all := h.engine.all()
	list := make([]ContainerInfo, len(all))
	for i, c := range all {
		list[len(all)-1-i] = c.info()
	}
	return list
}

// ForeignContainer starts a container without a request to the Docker API.
// With port 0 it publishes none.
func (h *Host) ForeignContainer(name string, labels map[string]string, port int) (ContainerInfo, error) {
	req := container.CreateRequest{
		Config:     &container.Config{Image: "foreign:latest", Labels: labels},
		HostConfig: new(container.HostConfig),
	}
	if port != 0 {
		req.HostConfig.PortBindings = nat.PortMap{"8080/tcp": {{HostPort: strconv.Itoa(port)}}}
	}
	c, err := h.engine.addRunning(name, newImageID(req.Config.Image, 0), req)
	if err != nil {
		return ContainerInfo{}, fmt.Errorf("start foreign container: %w", err)
	}
	h.engine.mu.Lock()
	defer h.engine.mu.Unlock()
	return c.info(), nil
}

// info describes the container. The engine's mutex is held, here and below.
func (c *instance) info() ContainerInfo {
	info := ContainerInfo{
		ID:       c.id,
		Name:     c.name,
		Image:    c.config.Image,
		Network:  string(c.host.NetworkMode),
		Cmd:      slices.Clone(c.config.Cmd),
		Labels:   maps.Clone(c.config.Labels),
		Created:  c.created,
		Running:  c.running(),
		Paused:   c.state == container.StatePaused,
		ExitCode: c.exitCode,
	}
	for _, p := range c.ports {
		if info.Port == 0 || p.public() < info.Port {
			info.Port = p.public()
		}
	}
	return info
}

// inspection is the answer to an inspect.
func (c *instance) inspection() container.InspectResponse {
	outside := &container.NetworkSettings{Networks: map[string]*apinetwork.EndpointSettings{}}
	outside.Ports = nat.PortMap{}
	for _, p := range c.ports {
		outside.Ports[p.private] = append(outside.Ports[p.private], nat.PortBinding{HostIP: hostIP(p.hostIP), HostPort: strconv.Itoa(p.public())})
	}
	state := &container.State{
		Status:     c.state,
		Running:    c.running(),
		Paused:     c.state == container.StatePaused,
		ExitCode:   c.exitCode,
		Error:      c.failure,
		StartedAt:  stamp(c.startedAt),
		FinishedAt: stamp(c.finishedAt),
	}
	if state.Running {
		state.Pid = 1000 + c.number
	}
	return container.InspectResponse{
		ContainerJSONBase: &container.ContainerJSONBase{
			ID:         c.id,
			Name:       "/" + c.name,
			Created:    stamp(c.created),
			Path:       "/wrp",
			Args:       c.config.Cmd,
			State:      state,
			Image:      c.image,
			HostConfig: c.host,
			Platform:   "linux",
		},
		Mounts:          []container.MountPoint{},
		Config:          c.config,
		NetworkSettings: outside,
	}
}

// stamp writes a time as engines do, also one that has not come.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// summary is the container's line in a list.
func (c *instance) summary() container.Summary {
	s := container.Summary{
		ID:      c.id,
		Names:   []string{"/" + c.name},
		Image:   c.config.Image,
		ImageID: c.image,
		Command: strings.TrimSpace("/wrp " + strings.Join(c.config.Cmd, " ")),
		Created: c.created.Unix(),
		Ports:   []container.Port{},
		Labels:  c.config.Labels,
		State:   c.state,
		Status:  c.status(),
		Mounts:  []container.MountPoint{},
	}
	for _, p := range c.ports {
		s.Ports = append(s.Ports, container.Port{
			IP:          hostIP(p.hostIP),
			PrivatePort: uint16(p.private.Int()),
			PublicPort:  uint16(p.public()),
			Type:        p.private.Proto(),
		})
	}
	return s
}

// status describes the state as the docker command prints it.
func (c *instance) status() string {
	since := func(t time.Time) time.Duration { return time.Since(t).Round(time.Second) }
	switch c.state {
	case container.StateRunning:
		return fmt.Sprintf("Up %v", since(c.startedAt))
	case container.StatePaused:
		return fmt.Sprintf("Up %v (Paused)", since(c.startedAt))
	case container.StateExited:
		return fmt.Sprintf("Exited (%d) %v ago", c.exitCode, since(c.finishedAt))
	}
	return "Created"
}
