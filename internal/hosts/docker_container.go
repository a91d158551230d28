package hosts

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/go-connections/nat"

	"wrpdistributor/internal/clock"
)

// containerOf says how the container of s is made. TLS needs the certificate files,
// and the image's working directory, where WRP looks for them.
func containerOf(s Spec, c ContainerConfig, tls *TLSFiles, workDir string) (*container.Config, *container.HostConfig) {
	inside := nat.Port("8080/tcp") // WRP serves HTTP there, and TLS on 8081
	if s.TLS {
		inside = "8081/tcp"
	}
	config := &container.Config{
		Image:        c.Image,
		Cmd:          c.command(s.Token),
		Labels:       s.labels(),
		ExposedPorts: nat.PortSet{inside: {}},
	}
	host := hostConfig(c)
	host.PortBindings = nat.PortMap{inside: {{HostIP: s.publishOn, HostPort: strconv.Itoa(s.Port)}}}
	if s.TLS {
		mountCertificate(host, tls, workDir)
	}
	return config, host
}

// create makes a container and returns its id.
func (e *engine) create(ctx context.Context, s Spec, c ContainerConfig, tls *TLSFiles, workDir string) (string, error) {
	config, host := containerOf(s, c, tls, workDir)
	resp, err := e.client().ContainerCreate(ctx, config, host, nil, nil, s.Name)
	switch {
	case cerrdefs.IsConflict(err):
		return "", fmt.Errorf("%w: %s", ErrNameTaken, s.Name)
	case isNetworkMissing(err):
		return "", fmt.Errorf("%w: %w", ErrNetwork, err)
	case cerrdefs.IsNotFound(err):
		return "", fmt.Errorf("%w: %s", ErrImageMissing, c.Image)
	case isMountError(err):
		return "", fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	if err != nil {
		return "", err
	}
	return resp.ID, checkID(resp.ID)
}

// hostConfig says what a container may use and do: as little as WRP runs with.
func hostConfig(c ContainerConfig) *container.HostConfig {
	return &container.HostConfig{
		NetworkMode:    container.NetworkMode(c.Network.name()),
		CapDrop:        []string{"ALL"},
		CapAdd:         []string{},
		SecurityOpt:    []string{"no-new-privileges"},
		ReadonlyRootfs: true,
		Tmpfs:          map[string]string{"/tmp": ""},
		LogConfig:      container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "1m", "max-file": "1"}},
		Resources:      container.Resources{Memory: c.Memory, NanoCPUs: int64(c.CPUs * 1e9), PidsLimit: &c.Pids},
	}
}

// mountCertificate gives the container the files to serve TLS with. The key file
// may be readable by its owner only, and root without capabilities is not above
// that.
func mountCertificate(host *container.HostConfig, tls *TLSFiles, workDir string) {
	host.CapAdd = append(host.CapAdd, "DAC_READ_SEARCH")
	host.Mounts = tls.mounts(workDir)
}

// mounts are bind mounts. Binds would do the same, but that the engine makes
// folders, which are root's, in place of files that are missing.
func (f *TLSFiles) mounts(workDir string) []mount.Mount {
	return []mount.Mount{
		{Type: mount.TypeBind, Source: f.Cert, Target: path.Join(workDir, "cert.crt"), ReadOnly: true},
		{Type: mount.TypeBind, Source: f.Key, Target: path.Join(workDir, "private.key"), ReadOnly: true},
	}
}

// noImage is an image that cannot exist.
const noImage = "sha256:0000000000000000000000000000000000000000000000000000000000000000"

// checkCertificate returns [ErrCertificate] if the files are missing on the host.
// It asks for a container that cannot be made: engines look at the mounts before
// they look for the image. An answer that is neither about the one nor the other
// proves nothing.
func (e *engine) checkCertificate(ctx context.Context, tls *TLSFiles) error {
	_, err := e.client().ContainerCreate(ctx, &container.Config{Image: noImage}, &container.HostConfig{Mounts: tls.mounts("/")}, nil, nil, "")
	if isMountError(err) {
		return fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	if isEngineError(err) {
		return nil
	}
	return err
}

// isMountError reports whether err is about the files that a container is given,
// which are certificates. It reads the text: the engine has no other word for it.
func isMountError(err error) bool {
	if err == nil {
		return false
	}
	text := err.Error()
	return strings.Contains(text, "bind source path does not exist") ||
		strings.Contains(text, "mount") && (strings.Contains(text, "/cert.crt") || strings.Contains(text, "/private.key"))
}

func (e *engine) start(ctx context.Context, id string) error {
	err := e.client().ContainerStart(mayLast(ctx, workTime), id, container.StartOptions{})
	switch {
	case err == nil:
		return nil
	case isNetworkMissing(err):
		return fmt.Errorf("%w: %w", ErrNetwork, err)
	case cerrdefs.IsNotFound(err):
		return fmt.Errorf("%w: %w", ErrGone, err)
	case isPortTaken(err):
		return fmt.Errorf("%w: %w", ErrPortTaken, err)
	case isMountError(err):
		return fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	return err
}

// isPortTaken reports whether err is about a port. It reads the text: the engine
// calls a taken port an internal error, like everything that goes wrong in a start.
func isPortTaken(err error) bool {
	text := err.Error()
	return strings.Contains(text, "port is already allocated") || strings.Contains(text, "address already in use")
}

// inspect returns what runs under an id or a name.
func (e *engine) inspect(ctx context.Context, ref string) (Container, error) {
	i, err := e.client().ContainerInspect(ctx, ref)
	if cerrdefs.IsNotFound(err) {
		return Container{}, fmt.Errorf("%w: %s", ErrGone, ref)
	}
	if err != nil {
		return Container{}, err
	}
	if i.ContainerJSONBase == nil || i.State == nil || i.Config == nil {
		return Container{}, fmt.Errorf("%w: of %s not all that there is", errMalformed, ref)
	}
	if err := checkID(i.ID); err != nil {
		return Container{}, err
	}
	created, err := time.Parse(time.RFC3339Nano, i.Created)
	if err != nil {
		return Container{}, fmt.Errorf("creation time of %s: %w", ref, err)
	}
	f := newContainer(i.ID, i.Name, i.Config.Labels, created)
	f.Running, f.Paused = i.State.Running || i.State.Paused, i.State.Paused
	f.Exit = newExit(i.State)
	f.image = i.Image
	return f, nil
}

// list returns all containers that carry a label, running or not.
func (e *engine) list(ctx context.Context, label string) ([]Container, error) {
	all, err := e.client().ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", label))})
	if err != nil {
		return nil, err
	}
	list := make([]Container, 0, len(all))
	for _, c := range all {
		if err := checkID(c.ID); err != nil {
			return nil, err
		}
		name := ""
		if len(c.Names) > 0 {
			name = c.Names[0]
		}
		f := newContainer(c.ID, name, c.Labels, time.Unix(c.Created, 0))
		f.Paused = c.State == "paused"
		f.Running = f.Paused || c.State == "running"
		for _, p := range c.Ports {
			f.Port = max(f.Port, int(p.PublicPort))
		}
		list = append(list, f)
	}
	return list, nil
}

// pause suspends all processes of the container, which keeps its memory. Pausing
// twice is fine.
func (e *engine) pause(ctx context.Context, ref string) error {
	return e.setPaused(ctx, ref, true, e.client().ContainerPause)
}

// unpause lets the container go on. Unpausing twice is fine.
func (e *engine) unpause(ctx context.Context, ref string) error {
	return e.setPaused(ctx, ref, false, e.client().ContainerUnpause)
}

// setPaused pauses or unpauses by do. An engine that refuses because it is done
// already is no error; old engines call that an internal one. If the container is
// not as it should be after a refusal, somebody else did the opposite in between,
// and it is tried again.
func (e *engine) setPaused(ctx context.Context, ref string, want bool, do func(context.Context, string) error) error {
	var err error
	for range 3 {
		err = do(ctx, ref)
		switch {
		case cerrdefs.IsNotFound(err):
			return fmt.Errorf("%w: %w", ErrGone, err)
		case err == nil || !isEngineError(err):
			return err
		}
		f, inspectErr := e.inspect(ctx, ref)
		switch {
		case inspectErr != nil:
			return inspectErr
		case !f.Running:
			return f.gone()
		case f.Paused == want:
			return nil
		}
	}
	return err
}

// stop stops the container, and kills it after the grace.
func (e *engine) stop(ctx context.Context, ref string, grace time.Duration) error {
	seconds := int((grace + time.Second - 1) / time.Second)
	err := e.client().ContainerStop(mayLast(ctx, grace+workTime), ref, container.StopOptions{Timeout: &seconds})
	if cerrdefs.IsNotFound(err) {
		return nil
	}
	return err
}

// remove kills and removes the container; its name is free when it returns.
func (e *engine) remove(ctx context.Context, ref string) error {
	err := e.client().ContainerRemove(mayLast(ctx, workTime), ref, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if cerrdefs.IsNotFound(err) {
		return nil
	}
	// Somebody else removes it at the moment.
	if cerrdefs.IsConflict(err) && strings.Contains(err.Error(), "already in progress") {
		return e.awaitRemoval(ctx, ref)
	}
	return err
}

// awaitRemoval waits until nothing is there under an id or a name.
func (e *engine) awaitRemoval(ctx context.Context, ref string) error {
	for {
		_, err := e.inspect(ctx, ref)
		if errors.Is(err, ErrGone) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := clock.Sleep(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("wait for the removal of %s: %w", ref, err)
		}
	}
}
