package torture

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"wrpdistributor/internal/hosts/hoststest"
)

// realImage is WRP's stand-in, which real hosts load when they boot.
const realImage = hoststest.Image

// A realHost is a container with a Docker engine and an OpenSSH server of its
// own (make test-images).
type realHost struct {
	t         *testing.T
	id        string // of the container that is the host
	entry     entry
	disturbed bool // by something that lasts
}

func startRealHosts(t *testing.T, n int, guard bool) []host {
	t.Helper()
	hoststest.StandIn(t)
	hoststest.NeedImage(t, "wrp-test-container-host")
	image := filepath.Join(t.TempDir(), "wrp.tar")
	hoststest.Docker(t, "save", "-o", image, realImage)
	var list []host
	for range n {
		list = append(list, startRealHost(t, image))
	}
	for _, h := range list {
		h.(*realHost).await(t)
		if guard {
			h.(*realHost).startGuard()
		}
	}
	return list
}

func startRealHost(t *testing.T, image string) *realHost {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	authorized, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(filepath.Join(hoststest.Root(t), "scripts/container-host.sh"), "--name", "wrp-torture-"+strings.ToLower(rand.Text()[:8]),
		"--tmpfs", "/var/lib/docker:exec", "-v", image+":/images/wrp.tar:ro",
		"-e", "AUTHORIZED_KEYS="+strings.TrimSpace(string(ssh.MarshalAuthorizedKey(authorized)))).CombinedOutput()
	if err != nil {
		t.Fatalf("start a real host: %v\n%s", err, out)
	}
	h := &realHost{t: t, id: strings.TrimSpace(string(out))}
	t.Cleanup(func() { hoststest.Docker(t, "rm", "-fv", h.id) })
	h.entry.User, h.entry.Key = "wrp", pem.EncodeToMemory(block)
	return h
}

// await waits until the host serves, and learns how to get there.
func (h *realHost) await(t *testing.T) {
	t.Helper()
	for last := time.Now().Add(deadline); ; time.Sleep(lookPause) {
		if _, err := h.inside("test", "-e", "/run/ready"); err == nil {
			break
		}
		if time.Now().After(last) {
			t.Fatalf("a real host does not get ready:\n%s", hoststest.Docker(t, "logs", h.id))
		}
	}
	h.entry.Address = hoststest.Docker(t, "inspect", "-f", "{{.NetworkSettings.IPAddress}}", h.id)
	h.entry.Name = h.entry.Address
	key, err := h.inside("cat", "/etc/ssh/ssh_host_ed25519_key.pub")
	if err != nil {
		t.Fatal(err)
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey([]byte(key))
	if err != nil {
		t.Fatal(err)
	}
	h.entry.KnownHosts = knownhosts.Line([]string{h.entry.Address}, public)
}

// inside runs a program on the host. A busy engine may take long to answer.
func (h *realHost) inside(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "docker", append([]string{"exec", h.id}, args...)...).Output()
	return strings.TrimSpace(string(out)), err
}

func (h *realHost) Entry() entry { return h.entry }

func (h *realHost) Look() ([]container, error) {
	ids, err := h.inside("docker", "ps", "-aq", "--no-trunc")
	if err != nil || ids == "" {
		return nil, err
	}
	// One that goes between the two calls is left out, which is no error.
	text, err := h.inside("sh", "-c", "docker inspect "+strings.Join(strings.Fields(ids), " ")+" 2>/dev/null || true")
	if err != nil {
		return nil, err
	}
	var found []struct {
		ID      string `json:"Id"`
		Name    string
		Created time.Time
		State   struct{ Running, Paused bool }
		Config  struct {
			Labels map[string]string
			Cmd    []string
		}
	}
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		return nil, err
	}
	var list []container
	for _, c := range found {
		session, _ := strconv.ParseInt(c.Config.Labels[labelSession], 10, 64) // foreign ones may have anything
		list = append(list, container{
			ID: c.ID, Name: strings.TrimPrefix(c.Name, "/"), DatabaseID: c.Config.Labels[labelDatabase], Session: session,
			Token: tokenOf(c.Config.Cmd), Created: c.Created, Running: c.State.Running, Paused: c.State.Paused,
		})
	}
	return list, nil
}

func (h *realHost) Kill(ids ...string) {
	_, _ = h.inside(append([]string{"docker", "kill"}, ids...)...) // some may have ended meanwhile
}

func (h *realHost) Pause(ids ...string) {
	_, _ = h.inside(append([]string{"docker", "pause"}, ids...)...) // as above
}

func (h *realHost) Foreign(name string, labels map[string]string, port int) (string, error) {
	args := []string{"docker", "run", "-d", "--name", name}
	for k, v := range labels {
		args = append(args, "--label", k+"="+v)
	}
	if port != 0 {
		args = append(args, "-p", strconv.Itoa(port)+":8080")
	}
	return h.inside(append(args, realImage)...)
}

func (h *realHost) Kinds() []kind {
	return []kind{
		{name: "cut off", longest: 6 * time.Second, cutsOff: true},
		{name: "frozen", longest: 6 * time.Second, cutsOff: true},
		{name: "engine frozen", longest: 4 * time.Second},
		{name: "connections dropped"},
		{name: "sshd frozen", longest: 6 * time.Second},
		{name: "image gone", longest: 2 * time.Second},
	}
}

// Disturb does to the host what happens to hosts. Processes are named within the
// container that the host is, where all of them are its own.
func (h *realHost) Disturb(kind string, _ int) (func(), error) {
	switch kind {
	case "cut off":
		return h.lasting(kind, h.exec("iptables", "-I", "INPUT", "-i", "eth0", "-j", "DROP"), h.exec("iptables", "-D", "INPUT", "-i", "eth0", "-j", "DROP"))
	case "frozen":
		return h.lasting(kind, exec.Command("docker", "pause", h.id).Run, exec.Command("docker", "unpause", h.id).Run)
	case "engine frozen":
		return h.lasting(kind, h.exec("pkill", "-STOP", "dockerd"), h.exec("pkill", "-CONT", "dockerd"))
	case "connections dropped":
		return nil, h.exec("sh", "-c", "pkill -KILL sshd-session || true")()
	case "sshd frozen":
		return h.lasting(kind, h.exec("sh", "-c", "pkill -STOP sshd"), h.exec("sh", "-c", "pkill -CONT sshd"))
	case "image gone":
		return h.lasting(kind, h.exec("sh", "-c", "docker tag "+realImage+" wrp-kept && docker rmi "+realImage), h.exec("docker", "tag", "wrp-kept", realImage))
	}
	return nil, fmt.Errorf("no such trouble: %s", kind)
}

// exec is what runs a program on the host.
func (h *realHost) exec(args ...string) func() error {
	return func() error { _, err := h.inside(args...); return err }
}

// lasting begins a trouble that lasts, unless the host is in one: nothing can be
// ended on a host that is frozen, and nothing is known of what a frozen engine
// was asked for.
func (h *realHost) lasting(kind string, begin, end func() error) (func(), error) {
	if h.disturbed {
		return nil, errors.New("the host is in another trouble")
	}
	if err := begin(); err != nil {
		return nil, err
	}
	h.disturbed = true
	return func() {
		h.disturbed = false
		if err := end(); err != nil {
			h.t.Errorf("end %s: %v", kind, err)
		}
	}, nil
}
