package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"

	"github.com/gofrs/flock"

	"wrpdistributor/internal/config"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/pretend"
)

// A Pretending is pretend hosts in this process, for client authors and
// demonstrations.
type Pretending struct {
	pool     *pretend.Pool
	lock     *flock.Flock // of the data folder
	manifest string
}

// Pretend starts n pretend hosts and makes them the hosts of cfg, with an empty
// database. How to get to them is written to the data folder, where [LoadRunning]
// finds it. Meanwhile no other service works on that folder.
func Pretend(cfg *config.Config, n int, log *slog.Logger) (*Pretending, error) {
	lock, err := hold(cfg.DataDir, (*flock.Flock).TryLockContext, "real or pretended")
	if err != nil {
		return nil, err
	}
	pool, manifest, err := pretend.StartPool(n, pretend.Config{Image: cfg.Container.Image, HasImage: true})
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	p := &Pretending{pool: pool, lock: lock, manifest: manifestFile(cfg.DataDir)}
	if err := errors.Join(removeDatabase(cfg.Database.Path), manifest.Save(p.manifest), usePretend(cfg, manifest)); err != nil {
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
	return errors.Join(os.Remove(p.manifest), p.pool.Close(), p.lock.Close())
}

// removeDatabase removes the sessions of pretend hosts that ended with the process
// before this one.
func removeDatabase(path string) error {
	var errs []error
	for _, file := range []string{path, path + "-wal", path + "-shm"} {
		if err := os.Remove(file); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Environment returns what the environment of the distributor that runs here sets, if one
// does and says so.
func Environment(ctx context.Context, envFile string) config.Environment {
	_, folder, err := config.Folders(envFile)
	if err != nil {
		return nil
	}
	s, err := operator.AskSettings(ctx, folder)
	if err != nil {
		return nil
	}
	return s.Environment
}

// LoadWith reads the settings as if a host were configured besides those that are, see
// [config.LoadWith]. To pretend hosts none is added.
func LoadWith(envFile string, theirs config.Environment, line string) (*config.Config, error) {
	if dir, _, err := config.Folders(envFile); err == nil {
		pretends, err := isPretendedOn(dir)
		if err != nil {
			return nil, err
		}
		if pretends {
			return nil, fmt.Errorf("the service on DATA_DIR=%s pretends its hosts, and none can be added to those: stop it, or use another DATA_DIR", dir)
		}
	}
	return config.LoadWith(envFile, theirs, line)
}

// LoadRunning reads the settings of a distributor that may be running, whose [Environment]
// wins over the file: while one pretends, its hosts and its database take the place of the
// configured ones.
func LoadRunning(envFile string, theirs config.Environment) (*config.Config, error) {
	dir, _, err := config.Folders(envFile)
	if err != nil {
		return config.Load(envFile, theirs) // which says all that is wrong
	}
	pretends, err := isPretendedOn(dir)
	if err != nil {
		return nil, err
	}
	if !pretends {
		return config.Load(envFile, theirs)
	}
	cfg, err := config.LoadPretend(envFile, theirs)
	if err != nil {
		return nil, err
	}
	m, err := pretend.LoadManifest(manifestFile(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the service that pretends on DATA_DIR=%s is just starting, or ending: try again", dir)
	}
	if err != nil {
		return nil, err
	}
	return cfg, usePretend(cfg, m)
}

func usePretend(cfg *config.Config, m pretend.Manifest) error {
	known, err := m.KnownHosts()
	if err != nil {
		return err
	}
	file := pretendKnownHosts(cfg.DataDir)
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
