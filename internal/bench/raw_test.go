package bench

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"
	"github.com/docker/go-connections/nat"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"wrpdistributor/internal/hosts/hoststest"
)

const (
	dockerSocket = "/var/run/docker.sock"
	probePause   = 10 * time.Millisecond // as the service has it
	probeFor     = time.Minute
	rawLabel     = "wrpdistributor.bench"
)

// A rawHost is a container host without our service: one SSH connection that is
// kept, and the Docker library over it. Nothing of ours is in between.
type rawHost struct {
	ssh    *ssh.Client
	docker *client.Client
	run    string // label of its containers
	port   int
	args   []string // of WRP
}

func connectRaw(t *testing.T, sshd *hoststest.SSHD, port int, args []string) *rawHost {
	t.Helper()
	key, err := os.ReadFile(sshd.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.ParsePrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	known, err := knownhosts.New(sshd.KnownHosts)
	if err != nil {
		t.Fatal(err)
	}
	return connect(t, sshd.Addr, &ssh.ClientConfig{User: sshd.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: known}, port, args)
}

func connect(t *testing.T, addr string, login *ssh.ClientConfig, port int, args []string) *rawHost {
	t.Helper()
	tunnel, err := ssh.Dial("tcp", addr, login)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tunnel.Close() })
	runTrivial(tunnel)
	api, err := client.NewClientWithOpts(
		client.WithHost("http://docker.invalid"),
		client.WithDialContext(func(ctx context.Context, _, _ string) (net.Conn, error) {
			return tunnel.DialContext(ctx, "unix", dockerSocket)
		}),
		client.WithAPIVersionNegotiation(),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { api.Close() })
	if _, err := api.Ping(t.Context()); err != nil { // the versions are not settled in the first round
		t.Fatal(err)
	}
	h := &rawHost{ssh: tunnel, docker: api, run: randomHex(8), port: port, args: args}
	t.Cleanup(func() { h.removeAll(t) })
	return h
}

// runTrivial spares the connection what old OpenSSH servers do to those that
// never ran a command: Nagle's algorithm. The service does the same.
func runTrivial(c *ssh.Client) {
	if s, err := c.NewSession(); err == nil {
		_ = s.Run("true")
		s.Close()
	}
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// A rawRound is one container, and how long it took.
type rawRound struct {
	id     string
	token  string
	create time.Duration
	start  time.Duration
	ready  time.Duration // from then on, until it answers
}

// round starts a container as the service does, and waits until it answers.
func (h *rawHost) round(ctx context.Context) (rawRound, error) {
	r := rawRound{token: randomHex(20)}
	begun := time.Now()
	created, err := h.create(ctx, r.token)
	if err != nil {
		return r, fmt.Errorf("create: %w", err)
	}
	r.id, r.create = created, time.Since(begun)
	begun = time.Now()
	if err := h.docker.ContainerStart(ctx, r.id, container.StartOptions{}); err != nil {
		return r, fmt.Errorf("start: %w", err)
	}
	r.start = time.Since(begun)
	begun = time.Now()
	if err := h.awaitAnswer(ctx, r.token); err != nil {
		return r, err
	}
	r.ready = time.Since(begun)
	return r, nil
}

// create asks for what the service asks for; [alike] holds it to that.
func (h *rawHost) create(ctx context.Context, token string) (string, error) {
	pids := int64(512)
	inside := nat.Port("8080/tcp")
	created, err := h.docker.ContainerCreate(ctx,
		&container.Config{
			Image:        hoststest.Image,
			Cmd:          withToken(h.args, token),
			Labels:       map[string]string{rawLabel: h.run},
			ExposedPorts: nat.PortSet{inside: {}},
		},
		&container.HostConfig{
			NetworkMode:    "wrp",
			PortBindings:   nat.PortMap{inside: {{HostPort: strconv.Itoa(h.port)}}},
			CapDrop:        []string{"ALL"},
			CapAdd:         []string{},
			SecurityOpt:    []string{"no-new-privileges"},
			ReadonlyRootfs: true,
			Tmpfs:          map[string]string{"/tmp": ""},
			LogConfig:      container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "1m", "max-file": "1"}},
			Resources:      container.Resources{Memory: 1 << 30, PidsLimit: &pids},
		}, nil, nil, "wrp_bench_"+token[:12])
	return created.ID, err
}

// awaitAnswer asks for the form until it comes.
func (h *rawHost) awaitAnswer(ctx context.Context, token string) error {
	ctx, cancel := context.WithTimeout(ctx, probeFor)
	defer cancel()
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return h.ssh.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(h.port)))
		},
	}
	for {
		err := ask(ctx, transport, token)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for an answer: %w", err)
		case <-time.After(probePause):
		}
	}
}

func ask(ctx context.Context, transport *http.Transport, token string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://wrp.invalid/", http.NoBody)
	if err != nil {
		return err
	}
	req.Header.Set("Bearer", token)
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("WRP answers %s", resp.Status)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

func (h *rawHost) remove(ctx context.Context, id string) error {
	return h.docker.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
}

// list returns the containers that carry a label.
func (h *rawHost) list(ctx context.Context, label string) ([]container.Summary, error) {
	return h.docker.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", label))})
}

// removeAll removes what an interrupted round left.
func (h *rawHost) removeAll(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), probeFor)
	defer cancel()
	list, err := h.list(ctx, rawLabel+"="+h.run)
	if err != nil {
		t.Error(err)
	}
	for _, c := range list {
		if err := h.remove(ctx, c.ID); err != nil {
			t.Error(err)
		}
	}
}

// stopAndRemove ends a container as the service does.
func (h *rawHost) stopAndRemove(ctx context.Context, id string) error {
	grace := 1
	if err := h.docker.ContainerStop(ctx, id, container.StopOptions{Timeout: &grace}); err != nil {
		return err
	}
	return h.remove(ctx, id)
}
