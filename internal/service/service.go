// Package service puts together the parts that every command of the
// distributor works with: database, hosts, sessions and reaper.
package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"wrpdistributor/internal/config"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/reaper"
	"wrpdistributor/internal/session"
)

// A Service is the parts, connected.
type Service struct {
	DB       *database.DB
	Pool     *hosts.Pool
	Store    *session.Store
	Sessions *session.Manager
	Reaper   *reaper.Reaper
}

// Database returns where the configured database is. A SQLite file is only ever
// created by the distributor itself.
func Database(cfg *config.Config, create bool) database.Config {
	return database.Config{MySQL: cfg.Database.MySQL, Path: cfg.Database.Path, Create: create}
}

// Open connects the parts to an open, migrated database. It takes db over, and
// connects to no host yet.
func Open(ctx context.Context, cfg *config.Config, db *database.DB, log *slog.Logger) (*Service, error) {
	id, err := db.DatabaseID(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the database is not set up (distributor migrate does it): %w", err), db.Close())
	}
	private := 0
	if cfg.Gateway.Listen != "" {
		private = cfg.StartPort
	}
	pool, err := hosts.New(hosts.Config{
		Hosts:            cfg.Hosts,
		DatabaseID:       id,
		Container:        cfg.Container,
		KnownHosts:       cfg.KnownHosts,
		GatewayStartPort: private,
		ConnectTimeout:   cfg.ConnectTimeout,
		ReadyTimeout:     cfg.ReadyTimeout,
		StopTimeout:      cfg.StopTimeout,
		Log:              log,
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	store := session.NewStore(db, cfg.StartTimeout)
	sessions := session.NewManager(session.Config{
		Store:      store,
		Pool:       pool,
		DatabaseID: id,
		Strategy:   cfg.Strategy,
		StartPort:  cfg.StartPort,
		Log:        log,
		Gateway:    cfg.Gateway.Listen != "",
		GatewayTLS: cfg.Gateway.TLSListen != "",
	})
	return &Service{
		DB:       db,
		Pool:     pool,
		Store:    store,
		Sessions: sessions,
		Reaper:   &reaper.Reaper{Sessions: sessions, Store: store, Pool: pool, Grace: cfg.OrphanGrace, Log: log},
	}, nil
}

// Close ends what is under way and closes all connections.
func (s *Service) Close() error {
	s.Sessions.Close()
	return errors.Join(s.Pool.Close(), s.DB.Close())
}

// ComparePool warns if the process before this one worked on the same database
// with another pool. Both go on: while hosts are being changed that is normal.
func (s *Service) ComparePool(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
	mine := describe(cfg)
	before, err := s.Store.SwapPool(ctx, mine)
	if err == nil && before != "" && before != mine {
		log.WarnContext(ctx, "another process last used this database with other hosts, limits or ports; all of them should have the same", "before", before, "now", mine)
	}
	return err
}

func describe(cfg *config.Config) string {
	names := make([]string, len(cfg.Hosts))
	for i, h := range cfg.Hosts {
		names[i] = fmt.Sprintf("%s=%d", h.Name, h.Max)
	}
	return fmt.Sprintf("hosts %s from port %d", strings.Join(names, ","), cfg.StartPort)
}
