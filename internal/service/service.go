// Package service connects the parts that every command works with: database,
// pool, sessions, accounts and reaper.
package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"wrpdistributor/internal/accounts"
	"wrpdistributor/internal/config"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/journal"
	"wrpdistributor/internal/reaper"
	"wrpdistributor/internal/session"
	"wrpdistributor/internal/statistics"
)

// A Service is those parts, connected. They are there until [Service.Close].
type Service struct {
	DB         *database.DB
	DatabaseID string // see [database.DB.DatabaseID]
	Pool       *hosts.Pool
	Store      *session.Store
	Sessions   *session.Manager
	Reaper     *reaper.Reaper
	Process    database.Process // this one, for those that register
	Journal    *journal.Writer
	Accounts   *accounts.Accounts
}

// Database returns where the configured database is. A SQLite file is only ever
// created by the distributor itself.
func Database(cfg *config.Config, create bool) database.Config {
	return database.Config{MySQL: cfg.Database.MySQL, Path: cfg.Database.Path, Create: create}
}

// Open connects the parts to an open, migrated database. It closes db if it fails,
// and leaves it to [Service.Close] otherwise. No host is connected to yet.
func Open(ctx context.Context, cfg *config.Config, db *database.DB, log *slog.Logger) (*Service, error) {
	return OpenAs(ctx, cfg, db, NewProcess(cfg), log)
}

// OpenAs is [Open] for a process that others know already.
func OpenAs(ctx context.Context, cfg *config.Config, db *database.DB, process database.Process, log *slog.Logger) (*Service, error) {
	id, err := db.DatabaseID(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the database is not set up (distributor migrate does it, and takes the PHP program's tables over if these are there): %w", err), db.Close())
	}
	pool, err := hosts.New(PoolConfig(cfg, id, log))
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	process.DatabaseID = id
	notes, err := journal.NewWriter(journal.Config{DB: db, Process: process.ID, Program: process.Kind, HashOnly: cfg.HashClients, Log: log})
	if err != nil {
		return nil, errors.Join(err, pool.Close(), db.Close())
	}
	store := session.NewStore(db, cfg.StartTimeout)
	store.SetJournal(notes)
	sessions := newManager(cfg, process, store, pool, log)
	return &Service{
		DB:         db,
		DatabaseID: id,
		Pool:       pool,
		Store:      store,
		Sessions:   sessions,
		Reaper:     newReaper(cfg, sessions, store, pool, notes, db, log),
		Process:    process,
		Journal:    notes,
		Accounts:   accounts.New(db, notes, log),
	}, nil
}

// PoolConfig returns how the pool is to be whose containers carry a database id.
func PoolConfig(cfg *config.Config, id string, log *slog.Logger) hosts.Config {
	gatewayStartPort := 0
	if cfg.Gateway.Listen != "" {
		gatewayStartPort = cfg.StartPort
	}
	return hosts.Config{
		Hosts:            cfg.Hosts,
		DatabaseID:       id,
		Container:        cfg.Container,
		KnownHosts:       cfg.KnownHosts,
		GatewayStartPort: gatewayStartPort,
		SparePorts:       cfg.SparePorts,
		MemoryReserve:    cfg.MemoryReserve,
		ConnectTimeout:   cfg.ConnectTimeout,
		ReadyTimeout:     cfg.ReadyTimeout,
		StopTimeout:      cfg.StopTimeout,
		Log:              log,
	}
}

func newManager(cfg *config.Config, process database.Process, store *session.Store, pool *hosts.Pool, log *slog.Logger) *session.Manager {
	return session.NewManager(session.Config{
		Store:      store,
		Pool:       pool,
		DatabaseID: process.DatabaseID,
		Process:    process.ID,
		Strategy:   cfg.Strategy,
		StartPort:  cfg.StartPort,
		SparePorts: cfg.SparePorts,
		Log:        log,
		Gateway:    cfg.Gateway.Listen != "",
		GatewayTLS: cfg.Gateway.TLSListen != "",
	})
}

func newReaper(cfg *config.Config, sessions *session.Manager, store *session.Store, pool *hosts.Pool, notes *journal.Writer, db *database.DB, log *slog.Logger) *reaper.Reaper {
	r := &reaper.Reaper{Sessions: sessions, Store: store, Pool: pool, Grace: cfg.OrphanGrace, Log: log}
	if cfg.HashClients {
		r.ClientName = func(s *session.Session) string { return journal.HashOnly(s.ClientName()) }
	}
	r.Prune = func(ctx context.Context) error { return prune(ctx, cfg, store, notes, db) }
	r.Passed = store.NoteCleaned
	r.IsLeaving = isLeaving(db)
	return r
}

// prune removes what is only remembered, and for long enough.
func prune(ctx context.Context, cfg *config.Config, store *session.Store, notes *journal.Writer, db *database.DB) error {
	err := store.PruneEndings(ctx)
	if cfg.JournalKeep > 0 {
		_, more := notes.Prune(ctx, cfg.JournalKeep)
		err = errors.Join(err, more)
	}
	if cfg.StatisticsKeep > 0 {
		_, more := statistics.Prune(ctx, db, cfg.StatisticsKeep)
		err = errors.Join(err, more)
	}
	return err
}

// Close rolls back starts that are under way, has the journal written and closes all
// connections.
func (s *Service) Close() error {
	s.Sessions.Close()
	return errors.Join(s.Pool.Close(), s.Journal.Close(), s.DB.Close())
}
