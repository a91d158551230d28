package hosts

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/porttest"
)

// realPool returns a pool of hosts that are OpenSSH servers in front of this
// machine's engine, and a database id of its own. Containers are removed after
// the test.
func realPool(t *testing.T, servers ...*hoststest.SSHD) (*Pool, string) {
	t.Helper()
	p := realPoolOf(t, Config{Container: ContainerConfig{Image: hoststest.Image, Args: []string{"-token", "{token}"}, Memory: 64 << 20, Pids: 64}}, servers...)
	return p, p.hosts[0].cfg.DatabaseID
}

// realPoolOf is [realPool] with settings of its own, but for the hosts, the database
// id and the log.
func realPoolOf(t *testing.T, cfg Config, servers ...*hoststest.SSHD) *Pool {
	t.Helper()
	hoststest.StandIn(t)
	id := newDatabaseID()
	cfg.ConnectTimeout = cmp.Or(cfg.ConnectTimeout, time.Minute)
	cfg.DatabaseID, cfg.Log = id, slog.New(slog.NewTextHandler(t.Output(), nil))
	for i, s := range servers {
		cfg.Hosts = append(cfg.Hosts, hostOf(t, s, fmt.Sprintf("host%d", i), ""))
		cfg.KnownHosts.Files = append(cfg.KnownHosts.Files, s.KnownHosts)
	}
	if len(servers) == 0 {
		cfg.Hosts = []Host{{Name: "local", Max: 4}}
	}
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		hoststest.RemoveContainers(t, id)
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// newDatabaseID returns one as databases have it.
func newDatabaseID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

func hostOf(t *testing.T, s *hoststest.SSHD, name, passphrase string) Host {
	t.Helper()
	signer, err := LoadKey(s.KeyFile, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	return Host{Name: name, Address: "127.0.0.1", Max: 4, SSH: &SSH{Addr: s.Addr, User: s.User, Signer: signer}}
}

// lifecycle starts a container, finds it in every way, and removes it.
func lifecycle(t *testing.T, p *Pool, databaseID, host string) {
	t.Helper()
	ctx := t.Context()
	s := Spec{Ref: Ref{Host: host, Name: "wrp_" + databaseID[:8] + "_7", Session: 7, Nonce: "n"}, Port: porttest.Free(t), Token: "secret"}
	id, err := p.Create(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := p.Create(ctx, s); err != nil || again != id {
		t.Errorf("Create again = %s, %v; want the same container %s", again, err, id)
	}
	other := s
	other.Nonce = "another-claim"
	if _, err := p.Create(ctx, other); !errors.Is(err, ErrNameTaken) {
		t.Errorf("Create under a taken name = %v, want ErrNameTaken", err)
	}
	s.ID = id
	if err := p.Start(ctx, s.Ref); err != nil {
		t.Fatal(err)
	}
	if err := p.Ready(ctx, s); err != nil {
		t.Fatal(err)
	}
	byName := s.Ref
	byName.ID = ""
	if f, err := p.Inspect(ctx, byName); err != nil || f.ID != id || f.Session != 7 {
		t.Errorf("Inspect by name = %+v, %v", f, err)
	}
	foreign := byName
	foreign.Nonce = "another-claim"
	if _, err := p.Inspect(ctx, foreign); !errors.Is(err, ErrGone) {
		t.Errorf("Inspect with another nonce = %v, want ErrGone", err)
	}
	list, now, err := p.List(ctx, host)
	if err != nil || len(list) != 1 || list[0].ID != id || list[0].Port != s.Port || now.Sub(list[0].Created).Abs() > time.Minute {
		t.Errorf("List = %+v at %v, %v", list, now, err)
	}
	taken := s
	taken.Ref = Ref{Host: host, Name: s.Name + "b", Session: 8, Nonce: "n"}
	if taken.ID, err = p.Create(ctx, taken); err != nil {
		t.Fatal(err)
	}
	if err := p.Start(ctx, taken.Ref); !errors.Is(err, ErrPortTaken) {
		t.Errorf("Start on a taken port = %v, want ErrPortTaken", err)
	}
	for _, r := range []Ref{taken.Ref, s.Ref, s.Ref, byName} {
		if err := p.Remove(ctx, r); err != nil {
			t.Errorf("Remove %s: %v", r, err)
		}
	}
	if _, err := p.Inspect(ctx, s.Ref); !errors.Is(err, ErrGone) {
		t.Errorf("Inspect after Remove = %v, want ErrGone", err)
	}
}

func TestRealLocalEngine(t *testing.T) {
	p, id := realPool(t)
	p.CheckHealth(t.Context())
	if st := p.Status()[0]; st.State != Up {
		t.Fatalf("status = %+v", st)
	}
	lifecycle(t, p, id, "local")
}

// TestRealKeyLines drives a container through its life over sshd with every kind of
// key line that is promised to work.
func TestRealKeyLines(t *testing.T) {
	const lockedSocket = `restrict,port-forwarding,command="/bin/false",permitopen="[/var/run/docker.sock]:*",permitopen="127.0.0.1:*",permitlisten="127.0.0.1:1"`
	for _, tt := range []struct {
		name  string
		opt   hoststest.SSHDOptions
		stdio bool
	}{
		{"plain", hoststest.SSHDOptions{}, false},
		{"locked down to socket and loopback", hoststest.SSHDOptions{KeyOptions: lockedSocket}, false},
		{"locked down to dial-stdio", hoststest.SSHDOptions{KeyOptions: `restrict,command="docker system dial-stdio"`}, true},
		{"forwarding switched off", hoststest.SSHDOptions{Config: "AllowTcpForwarding no"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, id := realPool(t, hoststest.StartSSHD(t, tt.opt))
			lifecycle(t, p, id, "host0")
			c, err := p.hosts[0].client.connection(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if stdio := c.way == byCommand; stdio != tt.stdio {
				t.Errorf("goes over dial-stdio: %t, want %t", stdio, tt.stdio)
			}
		})
	}
}

// TestRealLockedKeyIsForDockerOnly: whoever has it gets no shell, and reaches through the
// host nothing but what its line names.
func TestRealLockedKeyIsForDockerOnly(t *testing.T) {
	beside, err := net.Listen("tcp", "127.0.0.2:0") // of the host, and not its 127.0.0.1
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close()
	for name, options := range map[string]string{
		"socket and loopback": `restrict,port-forwarding,command="/bin/false",permitopen="[/var/run/docker.sock]:*",permitopen="127.0.0.1:*",permitlisten="127.0.0.1:1"`,
		"dial-stdio":          `restrict,command="docker system dial-stdio"`,
	} {
		p, _ := realPool(t, hoststest.StartSSHD(t, hoststest.SSHDOptions{KeyOptions: options}))
		p.CheckHealth(t.Context())
		conn, err := p.hosts[0].client.connection(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		channels, requests := make(chan ssh.NewChannel), make(chan *ssh.Request)
		close(channels)
		close(requests)
		c := ssh.NewClient(conn.Conn, channels, requests)
		shell, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if out, err := shell.CombinedOutput("echo got in"); strings.Contains(string(out), "got in") {
			t.Errorf("%s: a command says %q, %v", name, out, err)
		}
		if nc, err := c.Dial("tcp", beside.Addr().String()); err == nil {
			nc.Close()
			t.Errorf("%s: the key forwards to %s", name, beside.Addr())
		}
		if ln, err := c.Listen("tcp", "127.0.0.1:0"); err == nil {
			ln.Close()
			t.Errorf("%s: the key listens on %s", name, ln.Addr())
		}
	}
}

// TestRealRefusalsNameTheirCause: what an operator is told of a key that sshd
// refuses, and of a shell that greets.
func TestRealRefusalsNameTheirCause(t *testing.T) {
	other := hoststest.StartSSHD(t, hoststest.SSHDOptions{})
	for _, tt := range []struct {
		name, options, keyFile string
		want                   []string
	}{
		{"another key", "", other.KeyFile, []string{"unable to authenticate", "authorized_keys", "cannot read that file", "account is locked"}},
		{"a greeting", `restrict,command="echo Welcome to a; exec docker system dial-stdio"`, "", []string{`prints "Welcome to a" before`, ".bashrc"}},
		{"a short greeting, and no more", `restrict,command="echo hi"`, "", []string{`prints "hi" before`}},
		{"a complaint", `restrict,command="echo no docker here >&2"`, "", []string{"over the command: ", "no docker here"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sshd := hoststest.StartSSHD(t, hoststest.SSHDOptions{KeyOptions: tt.options})
			if tt.keyFile != "" {
				sshd.KeyFile = tt.keyFile
			}
			p, err := New(Config{Hosts: []Host{hostOf(t, sshd, "h", "")}, KnownHosts: KnownHosts{Files: []string{sshd.KnownHosts}},
				Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			p.CheckHealth(t.Context())
			st := p.Status()[0]
			for _, want := range tt.want {
				if !strings.Contains(st.Reason, want) {
					t.Errorf("the host is %s: %s; want %q", st.State, st.Reason, want)
				}
			}
			if strings.Contains(st.Reason, "malformed") || strings.Contains(st.Reason, "net/http") {
				t.Errorf("net/http speaks: %s", st.Reason)
			}
		})
	}
}

// TestRealCommandEndsBeforeTheRequest: whoever writes to a command that has ended is told what
// reading tells.
func TestRealCommandEndsBeforeTheRequest(t *testing.T) {
	for _, tt := range []struct{ command, want string }{
		{"echo no docker here >&2; exit 1", "no docker here"},
		{"echo no logins here; exit 1", `prints "no logins here"`},
		{"/bin/false", io.EOF.Error()},
	} {
		sshd := hoststest.StartSSHD(t, hoststest.SSHDOptions{KeyOptions: `restrict,command="` + tt.command + `"`})
		conn, err := realPoolOf(t, Config{}, sshd).hosts[0].client.connection(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		nc, err := conn.dialStdio(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = nc.Read(make([]byte, 1)) }() // as net/http does
		for err == nil {
			_, err = nc.Write([]byte("G"))
		}
		if !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: writing fails with %v, want %q", tt.command, err, tt.want)
		}
		if err := nc.Close(); err != nil {
			t.Errorf("%s: Close: %v", tt.command, err)
		}
	}
}

func TestRealPassphrase(t *testing.T) {
	sshd := hoststest.StartSSHD(t, hoststest.SSHDOptions{Passphrase: "open sesame"})
	for _, tt := range []struct{ passphrase, want string }{
		{"", "has a passphrase"},
		{"wrong", "does not open"},
		{"open sesame", ""},
	} {
		_, err := LoadKey(sshd.KeyFile, tt.passphrase)
		if got := fmt.Sprint(err); (err == nil) != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("LoadKey with %q = %v, want %q", tt.passphrase, err, tt.want)
		}
		if err != nil && tt.passphrase != "" && strings.Contains(err.Error(), tt.passphrase) {
			t.Errorf("LoadKey tells the passphrase: %v", err)
		}
	}
	h := hostOf(t, sshd, "h", "open sesame")
	p, err := New(Config{Hosts: []Host{h}, KnownHosts: KnownHosts{Files: []string{sshd.KnownHosts}}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := p.hosts[0].client.connection(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestRealHostKeys: a wrong key is refused; an unknown one is refused or written
// down, as configured; one that was written down is checked from then on.
func TestRealHostKeys(t *testing.T) {
	sshd := hoststest.StartSSHD(t, hoststest.SSHDOptions{})
	impostor := hoststest.StartSSHD(t, hoststest.SSHDOptions{})
	dir := t.TempDir()
	empty, learnt := filepath.Join(dir, "none"), filepath.Join(dir, "data", "known_hosts")
	wrong := filepath.Join(dir, "wrong")
	text, err := os.ReadFile(impostor.KnownHosts)
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Replace(string(text), portOf(impostor.Addr), portOf(sshd.Addr), 1)
	if err := os.WriteFile(wrong, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		known  KnownHosts
		refuse string
	}{
		{"known", KnownHosts{Files: []string{sshd.KnownHosts}}, ""},
		{"unknown, strict", KnownHosts{Files: []string{empty}}, "is unknown"},
		{"unknown, accepted", KnownHosts{Files: []string{empty, learnt}, AcceptNew: learnt}, ""},
		{"learnt", KnownHosts{Files: []string{empty, learnt}}, ""},
		{"changed", KnownHosts{Files: []string{wrong}}, "key mismatch"},
		{"changed, accept-new", KnownHosts{Files: []string{wrong}, AcceptNew: filepath.Join(dir, "x")}, "key mismatch"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := hostOf(t, sshd, "h", "")
			c := &sshClient{target: *h.SSH, keys: &hostKeys{KnownHosts: tt.known, log: slog.New(slog.DiscardHandler)}, timeout: 5 * time.Second}
			defer c.close()
			_, err := c.connection(t.Context())
			if got := fmt.Sprint(err); (err == nil) != (tt.refuse == "") || !strings.Contains(got, tt.refuse) {
				t.Errorf("connect = %v, want %q", err, tt.refuse)
			}
		})
	}
}

// TestRealHostKeyIsForgotten by what is to be typed where another key is known.
func TestRealHostKeyIsForgotten(t *testing.T) {
	sshd := hoststest.StartSSHD(t, hoststest.SSHDOptions{})
	old := hoststest.StartSSHD(t, hoststest.SSHDOptions{})
	text, err := os.ReadFile(old.KnownHosts)
	if err != nil {
		t.Fatal(err)
	}
	known := filepath.Join(t.TempDir(), "known hosts")
	if err := os.WriteFile(known, []byte(strings.ReplaceAll(string(text), portOf(old.Addr), portOf(sshd.Addr))), 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		must(t, os.Chown(filepath.Dir(known), 65534, 65534))
	}
	connect := func() error {
		h := hostOf(t, sshd, "h", "")
		c := &sshClient{target: *h.SSH, keys: &hostKeys{KnownHosts: KnownHosts{Files: []string{filepath.Join(t.TempDir(), "none"), known}}, log: slog.New(slog.DiscardHandler)}, timeout: 5 * time.Second}
		defer c.close()
		_, err := c.connection(t.Context())
		return err
	}
	_, command, ok := strings.Cut(fmt.Sprint(connect()), "if the host was reinstalled, ")
	command, said := strings.CutSuffix(command, " forgets its old one")
	if !ok || !said {
		t.Fatal("nothing is said of what to type")
	}
	if out, err := exec.CommandContext(t.Context(), "sh", "-c", command).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	if owner := ownerOf(t, known); owner != ownerOf(t, filepath.Dir(known)) {
		t.Errorf("the file is user %d's now, and the service may read it no more", owner)
	}
	if err := connect(); err == nil || !strings.Contains(err.Error(), "is unknown") {
		t.Errorf("after that, connect = %v, want that the key is unknown", err)
	}
}

func ownerOf(t *testing.T, path string) uint32 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Uid
}

func portOf(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}

// TestRealReconnect kills sshd under a pool again and again: every request that
// comes after works all the same.
func TestRealReconnect(t *testing.T) {
	sshd := hoststest.StartSSHD(t, hoststest.SSHDOptions{})
	p, id := realPool(t, sshd)
	for i := range 5 {
		s := Spec{Ref: Ref{Host: "host0", Name: "wrp_" + id[:8] + "_" + strconv.Itoa(i+1), Session: int64(i + 1), Nonce: "n"}, Port: porttest.Free(t)}
		if _, err := p.Create(t.Context(), s); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		sshd.Kill()
		sshd.Start()
	}
	list, _, err := p.List(t.Context(), "host0")
	if err != nil || len(list) != 5 {
		t.Errorf("List = %d containers, %v; want 5", len(list), err)
	}
}

// TestRealUnresponsiveHost: a host that accepts connections and sends nothing does
// not hold its callers, even those without a deadline.
func TestRealUnresponsiveHost(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	sshd := hoststest.StartSSHD(t, hoststest.SSHDOptions{})
	h := hostOf(t, sshd, "h", "")
	h.SSH.Addr = ln.Addr().String()
	p, err := New(Config{Hosts: []Host{h}, ConnectTimeout: 300 * time.Millisecond, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := p.Inspect(context.Background(), Ref{Host: "h", ID: "x"}); !errors.Is(err, ErrUnreachable) {
		t.Errorf("Inspect = %v, want ErrUnreachable", err)
	}
	if st := p.Status()[0]; st.State != Unreachable {
		t.Errorf("status = %+v, want Unreachable", st)
	}
}
