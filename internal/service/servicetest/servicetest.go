// Package servicetest gives tests a whole service, without HTTP, on pretend
// hosts.
package servicetest

import (
	"cmp"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"wrpdistributor/internal/config"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service"
)

// Options say what the service is like. The zero value is one host with two
// slots.
type Options struct {
	Hosts    int            // 0: 1
	Max      int            // containers of each host; 0: 2
	Pretend  pretend.Config // how the hosts are
	Strategy hosts.Strategy // nil: FillHost
	TLS      *hosts.TLSFiles
	Warm     int // containers to keep warm on each host
	WarmTLS  int
	Watch    bool // run the pool, as the distributor does
	Gateway  bool // sessions are reached through the gateway

	ConnectTimeout time.Duration // 0: 2 s, for hosts that do not answer
	StartTimeout   time.Duration // 0: 15 s
	ReadyTimeout   time.Duration // 0: 5 s
	StopTimeout    time.Duration // 0: 1 s
}

// A Kit is a running service.
type Kit struct {
	*service.Service
	Hosts  []*pretend.Host
	Config *config.Config
}

// New starts hosts and connects a service to them and to db. All of it ends
// with the test.
func New(t testing.TB, db *database.DB, opt Options) *Kit {
	t.Helper()
	hosts := StartHosts(t, max(opt.Hosts, 1), opt.Pretend)
	cfg := Configure(t, hosts, opt)
	svc := Open(t, db, cfg)
	if opt.Watch {
		watch(t, svc)
	}
	return &Kit{Service: svc, Hosts: hosts, Config: cfg}
}

// Watched connects a service to db and to cfg's hosts, whatever they are, and runs its
// pool, as the distributor does. All of it ends with the test.
func Watched(t testing.TB, db *database.DB, cfg *config.Config) *Kit {
	t.Helper()
	svc := Open(t, db, cfg)
	watch(t, svc)
	return &Kit{Service: svc, Config: cfg}
}

// StartHosts starts pretend hosts on loopback addresses that no other test has.
func StartHosts(t testing.TB, n int, cfg pretend.Config) []*pretend.Host {
	t.Helper()
	cfg.Addr = pretend.AnyAddr
	cfg.HasImage = true
	pool, _, err := pretend.StartPool(n, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	return pool.Hosts
}

// Configure returns settings for a service on those hosts.
func Configure(t testing.TB, list []*pretend.Host, opt Options) *config.Config {
	t.Helper()
	dir := t.TempDir()
	known := filepath.Join(dir, "known_hosts")
	cfg := &config.Config{
		Hosts:           configureHosts(t, list, opt),
		DataDir:         dir,
		Strategy:        opt.Strategy,
		StartPort:       9090,
		SparePorts:      16,
		KnownHosts:      hosts.KnownHosts{Files: []string{known}},
		Container:       hosts.ContainerConfig{Image: pretend.DefaultImage, Args: []string{"-token", "{token}"}},
		ConnectTimeout:  cmp.Or(opt.ConnectTimeout, time.Minute),
		StartTimeout:    cmp.Or(opt.StartTimeout, 70*time.Second),
		ReadyTimeout:    cmp.Or(opt.ReadyTimeout, 5*time.Second),
		StopTimeout:     cmp.Or(opt.StopTimeout, time.Second),
		OrphanGrace:     time.Minute,
		ShutdownTimeout: 5 * time.Second,
	}
	if opt.Gateway {
		cfg.Gateway = config.Gateway{Listen: "127.0.0.1:0", Address: "127.0.0.1:0"}
	}
	if cfg.Strategy == nil {
		cfg.Strategy = hosts.FillHost
	}
	var lines string
	for _, h := range list {
		lines += h.KnownHostsLine() + "\n"
	}
	if err := os.WriteFile(known, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	return cfg
}

func configureHosts(t testing.TB, list []*pretend.Host, opt Options) []hosts.Host {
	t.Helper()
	pool := make([]hosts.Host, len(list))
	for i, h := range list {
		address, _, err := net.SplitHostPort(h.SSHAddr())
		if err != nil {
			t.Fatal(err)
		}
		pool[i] = hosts.Host{
			Name: fmt.Sprintf("host%d", i), Address: address, Max: cmp.Or(opt.Max, 2), TLS: opt.TLS, Warm: opt.Warm, WarmTLS: opt.WarmTLS,
			SSH: &hosts.SSH{Addr: h.SSHAddr(), User: h.User(), Signer: h.Signer()},
		}
	}
	return pool
}

// Open connects a service, one of several if need be, to db and to cfg's hosts.
func Open(t testing.TB, db *database.DB, cfg *config.Config) *service.Service {
	t.Helper()
	svc, err := service.Open(t.Context(), cfg, db, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := svc.Close(); err != nil {
			t.Error(err)
		}
	})
	return svc
}

// watch runs the pool, as the distributor does, until the test ends.
func watch(t testing.TB, svc *service.Service) {
	done := make(chan error)
	go func() { done <- svc.Pool.Run(t.Context(), svc.Sessions) }()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// Running returns how many containers run on all hosts.
func (k *Kit) Running() int {
	n := 0
	for _, h := range k.Hosts {
		for _, c := range h.Containers() {
			if c.Running {
				n++
			}
		}
	}
	return n
}
