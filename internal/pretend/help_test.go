package pretend

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"github.com/docker/go-connections/nat"
	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"
)

// TestMain fails if a host leaves goroutines behind, in whatever test.
// A channel that the client library opens at the moment in which its connection ends is told
// nothing of it, now and then.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("golang.org/x/crypto/ssh.(*mux).openChannel"))
}

// patience bounds everything that a test waits for.
const patience = time.Minute

func startHost(t *testing.T, config Config) *Host {
	t.Helper()
	h, err := Start(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func clientConfig(h *Host) *ssh.ClientConfig {
	return &ssh.ClientConfig{
		User:              h.User(),
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(h.Signer())},
		HostKeyCallback:   ssh.FixedHostKey(h.HostKey()),
		HostKeyAlgorithms: []string{h.HostKey().Type()},
		Timeout:           patience,
	}
}

// login opens an SSH connection that ends with the test.
func login(t *testing.T, h *Host) *ssh.Client {
	t.Helper()
	c, err := ssh.Dial("tcp", h.SSHAddr(), clientConfig(h))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// docker returns a Docker client whose every connection comes from dial.
func docker(t *testing.T, dial func(context.Context) (net.Conn, error)) *client.Client {
	t.Helper()
	c, err := client.NewClientWithOpts(
		client.WithHost("http://docker.invalid"),
		client.WithAPIVersionNegotiation(),
		client.WithDialContext(func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// dockerOn returns a Docker client that goes to the socket of h.
func dockerOn(t *testing.T, h *Host) *client.Client {
	t.Helper()
	c := login(t, h)
	return docker(t, func(ctx context.Context) (net.Conn, error) { return c.DialContext(ctx, "unix", dockerSocket) })
}

// ready starts a host with its image, and a client for it.
func ready(t *testing.T) (*Host, *client.Client) {
	t.Helper()
	h := startHost(t, Config{HasImage: true})
	return h, dockerOn(t, h)
}

// publish is a HostConfig that leads from a port of the host to 8080.
func publish(port int) *container.HostConfig {
	return &container.HostConfig{PortBindings: nat.PortMap{"8080/tcp": {{HostPort: strconv.Itoa(port)}}}}
}

func create(t *testing.T, c *client.Client, name string, host *container.HostConfig, args ...string) (string, error) {
	t.Helper()
	config := &container.Config{Image: DefaultImage, Cmd: args, Labels: map[string]string{"made-by": t.Name()}}
	resp, err := c.ContainerCreate(t.Context(), config, host, nil, nil, name)
	return resp.ID, err
}

// launch creates and starts a container.
func launch(t *testing.T, c *client.Client, name string, host *container.HostConfig, args ...string) string {
	t.Helper()
	id, err := create(t, c, name, host, args...)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.ContainerStart(t.Context(), id, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	return id
}

// inspect returns the state of a container, and "gone" if there is none.
func inspect(t *testing.T, c *client.Client, ref string) string {
	t.Helper()
	info, err := c.ContainerInspect(t.Context(), ref)
	if cerrdefs.IsNotFound(err) {
		return "gone"
	}
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s %d", info.State.Status, info.State.ExitCode)
}

// get asks a port of the host for the stand-in's page. It returns 0 if there is
// no answer.
func get(t *testing.T, h *Host, port int, path, token string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	code, _ := fetch(ctx, fmt.Sprintf("http://%s:%d%s", h.Addr(), port, path), token, nil)
	return code
}

func fetch(ctx context.Context, url, token string, transport *http.Transport) (int, error) {
	if transport == nil {
		transport = &http.Transport{}
	}
	transport.DisableKeepAlives = true
	r, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Bearer", token)
	resp, err := transport.RoundTrip(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// eventually waits until a condition holds that others bring about.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still not: %s", what)
		}
	}
}

// transportBy returns an HTTP transport whose connections come from dial.
func transportBy(dial func(ctx context.Context, network, addr string) (net.Conn, error)) *http.Transport {
	return &http.Transport{DialContext: dial}
}

// pull returns all that the engine says while it pulls an image.
func pull(t *testing.T, c *client.Client, name string) string {
	t.Helper()
	out, err := c.ImagePull(t.Context(), name, image.PullOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	text, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// at returns the address of a port of h.
func at(h *Host, port int) string { return net.JoinHostPort(h.Addr(), strconv.Itoa(port)) }
