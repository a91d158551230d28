package service

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"wrpdistributor/internal/config"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/pretend"
)

// A Pretending is pretend hosts in this process, for client authors and
// demonstrations.
type Pretending struct {
	pool     *pretend.Pool
	manifest string
}

// Pretend starts n pretend hosts and makes them the hosts of cfg. How to get to
// them is written to the data folder, where [LoadRunning] finds it.
func Pretend(cfg *config.Config, n int, log *slog.Logger) (*Pretending, error) {
	if err := os.MkdirAll(cfg.DataDir, 0o750); err != nil {
		return nil, err
	}
	pool, manifest, err := pretend.StartPool(n, pretend.Config{Image: cfg.Container.Image, HasImage: true})
	if err != nil {
		return nil, err
	}
	p := &Pretending{pool: pool, manifest: manifestFile(cfg)}
	if err := errors.Join(manifest.Save(p.manifest), usePretend(cfg, manifest)); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	log.Warn("pretending; no Docker and no browsers", "hosts", n, "from", cfg.Hosts[0].Address)
	if cfg.AuthToken == config.PretendToken {
		log.Warn("AUTH_TOKEN not set; clients send the default", "bearer", config.PretendToken)
	}
	return p, nil
}

// Close stops the hosts.
func (p *Pretending) Close() error {
	return errors.Join(os.Remove(p.manifest), p.pool.Close())
}

func manifestFile(cfg *config.Config) string { return filepath.Join(cfg.DataDir, "pretend.json") }

// LoadRunning reads the settings of a distributor that may be running: if it has
// pretend hosts, they take the place of the configured ones.
func LoadRunning(envFile string) (*config.Config, error) {
	if cfg, err := config.LoadPretend(envFile); err == nil {
		if pretending, err := findPretend(cfg); pretending || err != nil {
			return cfg, err
		}
	}
	return config.Load(envFile)
}

// findPretend makes the pretend hosts of a running distributor the hosts of cfg,
// if there is one on the same data folder. It reports whether that is so.
func findPretend(cfg *config.Config) (bool, error) {
	m, err := pretend.LoadManifest(manifestFile(cfg))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, usePretend(cfg, m)
}

func usePretend(cfg *config.Config, m pretend.Manifest) error {
	known, err := m.KnownHosts()
	if err != nil {
		return err
	}
	file := filepath.Join(cfg.DataDir, "pretend_known_hosts")
	if err := os.WriteFile(file, known, 0o600); err != nil {
		return fmt.Errorf("write host keys of the pretend hosts: %w", err)
	}
	cfg.KnownHosts = hosts.KnownHosts{Files: []string{file}}
	cfg.Hosts = nil
	for _, mh := range m.Hosts {
		signer, err := mh.Signer()
		if err != nil {
			return err
		}
		h := cfg.Pretend
		h.Name, _, err = net.SplitHostPort(mh.SSHAddr)
		if err != nil {
			return err
		}
		h.Address = h.Name
		h.SSH = &hosts.SSH{Addr: mh.SSHAddr, User: mh.User, Signer: signer}
		cfg.Hosts = append(cfg.Hosts, h)
	}
	return nil
}
