package pretend

import (
	"net"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/go-connections/nat"

	"wrpdistributor/internal/pretend/standin"
)

// An instance is one container. The fields from state on change, and are guarded
// by the engine's mutex.
type instance struct {
	id, name string
	image    string // its id
	number   int    // containers are numbered as they are created
	created  time.Time
	config   *container.Config
	host     *container.HostConfig
	options  standin.Options
	badArgs  error // what WRP does not understand of the command line
	pause    stall

	state      container.ContainerState
	exitCode   int
	failure    string // why it did not start
	startedAt  time.Time
	finishedAt time.Time
	ports      []publishedPort
	server     *http.Server
	exited     chan struct{} // closed when this run, or else the next one, ends
}

// A publishedPort leads from a port of the host to one of a container.
type publishedPort struct {
	private  nat.Port
	hostIP   string // as asked for
	listener *listener
}

func (p publishedPort) public() int { return p.listener.addr.Port }

// newInstance makes a container that belongs to no engine yet.
func newInstance(name string, req container.CreateRequest, workingDir string) (*instance, error) {
	c := &instance{
		id:      newID(),
		name:    name,
		created: time.Now(),
		config:  req.Config,
		host:    req.HostConfig,
		state:   container.StateCreated,
		exited:  make(chan struct{}),
	}
	if c.name == "" {
		c.name = "pretend_" + c.id[:12]
	}
	if c.host == nil {
		c.host = new(container.HostConfig)
	}
	if c.config.Hostname == "" {
		c.config.Hostname = c.id[:12]
	}
	if c.config.WorkingDir == "" {
		c.config.WorkingDir = workingDir
	}
	if err := checkHostConfig(c.host); err != nil {
		return nil, err
	}
	c.options, c.badArgs = standin.ParseArgs(c.config.Cmd)
	return c, nil
}

// checkHostConfig refuses what an engine refuses before there is a container.
func checkHostConfig(host *container.HostConfig) error {
	for private, bindings := range host.PortBindings {
		if private.Int() == 0 {
			return refuse(http.StatusBadRequest, "invalid port specification: %q", private)
		}
		for _, b := range bindings {
			if n, err := strconv.Atoi(b.HostPort); b.HostPort != "" && (err != nil || n < 0 || n > 65535) {
				return refuse(http.StatusBadRequest, "invalid port specification: %q", b.HostPort)
			}
		}
	}
	return nil
}

// checkMounts refuses mounts of files that are not there.
func checkMounts(host *container.HostConfig) error {
	for _, m := range host.Mounts {
		if m.Type != mount.TypeBind {
			continue
		}
		if _, err := os.Stat(m.Source); err != nil {
			return refuse(http.StatusBadRequest, "invalid mount config for type %q: bind source path does not exist: %s", m.Type, m.Source)
		}
	}
	return nil
}

// running reports whether there is a process, be it a paused one.
func (c *instance) running() bool {
	return c.state == container.StateRunning || c.state == container.StatePaused
}

// privatePort returns the port of an address that the stand-in listens on.
func privatePort(addr string) nat.Port {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return ""
	}
	return nat.Port(port + "/tcp")
}

// source returns the file of this machine that is mounted into the container's
// working directory under name, or "" if there is none.
func (c *instance) source(name string) string {
	target := path.Join(c.config.WorkingDir, name)
	for _, bind := range c.host.Binds {
		if parts := strings.Split(bind, ":"); len(parts) >= 2 && path.Clean(parts[1]) == target {
			return parts[0]
		}
	}
	for _, m := range c.host.Mounts {
		if m.Type == mount.TypeBind && path.Clean(m.Target) == target {
			return m.Source
		}
	}
	return ""
}
