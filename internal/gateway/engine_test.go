package gateway_test

import (
	"io"
	"testing"
	"time"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/proctest"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// TestE2EEngineThatFails: on a real host whose engine hangs, or is stopped, downloads
// go on and others begin, also after the connection had to be made anew. It takes no
// containers until its engine answers again.
func TestE2EEngineThatFails(t *testing.T) {
	proctest.E2E(t)
	for _, tt := range []struct {
		name       string
		fail, mend func(*hoststest.Engine)
	}{
		{"hangs", (*hoststest.Engine).Freeze, (*hoststest.Engine).Thaw},
		{"is stopped", (*hoststest.Engine).Stop, (*hoststest.Engine).Start},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			engine := hoststest.StartEngine(t)
			sshd := hoststest.StartSSHD(t, hoststest.SSHDOptions{KeyOptions: engine.KeyOptions()})
			b := newRealBench(t, sshd)
			in := func(want hosts.State) func() bool {
				return func() bool { return b.Pool.Status()[0].State == want }
			}
			var s *session.Session
			starts := func(c session.Client) func() bool {
				return func() (ok bool) {
					var err error
					s, _, err = b.Sessions.Allocate(t.Context(), c, false)
					return err == nil
				}
			}
			eventually(t, "a session", starts(amiga)) // a busy machine may be late at first
			wants(t, "a page", b.get(t, "/", s.Token), 200)
			under := b.download(t, s.Token, 1<<30)
			goesOn := func() {
				t.Helper()
				if _, err := io.CopyN(io.Discard, under.Body, moreThanBuffers); err != nil {
					t.Errorf("a download that was under way: %v", err)
				}
			}

			tt.fail(engine)
			other := session.Client{IP: "192.0.2.2", UserAgent: "CAB"}
			if s, _, err := b.Sessions.Allocate(t.Context(), other, false); err == nil {
				t.Errorf("a container was started: %+v", s)
			}
			goesOn()
			eventually(t, "the host is down", in(hosts.Unreachable))
			for range 3 { // each over a connection of its own
				b.download(t, s.Token, 1<<30)
			}
			goesOn()

			sshd.Kill()
			if _, err := io.Copy(io.Discard, under.Body); err == nil {
				t.Error("a download that was cut looks complete")
			}
			sshd.Start()
			eventually(t, "a page over a new connection", func() bool { return b.get(t, "/", s.Token) == 200 })
			if !in(hosts.Unreachable)() {
				t.Error("the host is not down any more")
			}
			b.download(t, s.Token, 1<<30)

			tt.mend(engine)
			eventually(t, "the host is up", in(hosts.Up))
			wants(t, "a page", b.get(t, "/", s.Token), 200)
			eventually(t, "a session of another client", starts(other))
		})
	}
}

// newRealBench returns a gateway over a service whose one host is a real one, looked
// after as by the distributor.
func newRealBench(t *testing.T, sshd *hoststest.SSHD) *bench {
	t.Helper()
	hoststest.StandIn(t)
	image := hosts.ContainerConfig{Image: hoststest.Image, Args: []string{"-token", "{token}"}, Memory: 64 << 20, Pids: 64}
	return openRealBench(t, sshd, image, options{})
}

// openRealBench is [newRealBench] with an image of any kind.
func openRealBench(t *testing.T, sshd *hoststest.SSHD, image hosts.ContainerConfig, opt options) *bench {
	t.Helper()
	signer, err := hosts.LoadKey(sshd.KeyFile, "")
	must(t, err)
	opt.Options = servicetest.Options{Gateway: true, StartTimeout: 5 * time.Minute, ConnectTimeout: 5 * time.Second, ReadyTimeout: opt.ReadyTimeout}
	cfg := servicetest.Configure(t, nil, opt.Options)
	cfg.Hosts = []hosts.Host{{Name: "host0", Address: "127.0.0.1", Max: 3, SSH: &hosts.SSH{Addr: sshd.Addr, User: sshd.User, Signer: signer}}}
	cfg.KnownHosts.Files = []string{sshd.KnownHosts}
	cfg.Container = image
	cfg.StartPort = proctest.FreeRange(t, 3)
	svc := servicetest.Open(t, databasetest.New(t), cfg)
	id, err := svc.DB.DatabaseID(t.Context())
	must(t, err)
	t.Cleanup(func() { hoststest.RemoveContainers(t, id) })
	looked := make(chan error)
	go func() { looked <- svc.Pool.Run(t.Context(), svc.Sessions) }()
	t.Cleanup(func() { must(t, <-looked) })
	return openBench(t, &servicetest.Kit{Service: svc, Config: cfg}, opt)
}

// TestPagesWhileEngineIsSilent: the row says that the container runs; without it nobody
// does, and no new connection is used.
func TestPagesWhileEngineIsSilent(t *testing.T) {
	t.Parallel()
	b := newBench(t, databasetest.New(t), options{})
	s := allocate(t, b.Kit, amiga)
	under := b.download(t, s.Token, 1<<30)
	b.Hosts[0].LoseAnswer(pretend.OpPing, 1000)
	b.Pool.CheckHealth(t.Context())
	b.Hosts[0].SetDelay(pretend.OpAll, time.Hour)
	if st := b.Pool.Status()[0]; st.State != hosts.Unreachable {
		t.Errorf("status = %+v, want unreachable", st)
	}
	b.download(t, s.Token, 1<<30) // over a new connection
	_, err := io.CopyN(io.Discard, under.Body, moreThanBuffers)
	must(t, err)
	must(t, b.DB.Close())
	a := ask(t, "GET", b.url+"/", "Bearer: "+s.Token)
	if a.StatusCode != 503 || a.Header.Get("Retry-After") == "" {
		t.Errorf("neither engine nor database say that it runs: %d %v, want 503 with Retry-After", a.StatusCode, a.Header)
	}
	_, err = io.CopyN(io.Discard, under.Body, moreThanBuffers)
	must(t, err)
}
