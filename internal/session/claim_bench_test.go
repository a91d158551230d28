package session

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"golang.org/x/sync/errgroup"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/hosts"
)

// What BenchmarkClaim works with. Package bench sets these, and prepares databases that
// have sessions.
var (
	claimDatabase = flag.String("claim.database", "", "sqlite:path or a MySQL DSN; empty: a fresh SQLite file")
	claimHosts    = flag.Int("claim.hosts", 200, "how many hosts may be chosen: host0 and so on")
	claimClients  = flag.Int("claim.clients", 16, "how many claim at once")
)

// BenchmarkClaim measures claims alone: no host is asked, no container started. Its
// rows are gone when it ends.
func BenchmarkClaim(b *testing.B) {
	none, err := hosts.New(hosts.Config{})
	if err != nil {
		b.Fatal(err)
	}
	m := NewManager(Config{
		Store: NewStore(databasetest.Open(b, claimConfig(b)), time.Minute), Pool: none, Strategy: hosts.Equal,
		StartPort: 9090, SparePorts: 16, Log: slog.New(slog.DiscardHandler),
	})
	defer m.Close()
	// Rows that were inserted by SQL are not counted yet, where rows are counted.
	if s, ok := any(m.store).(interface{ Recount(context.Context) error }); ok {
		if err := s.Recount(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	var loads []hosts.Load
	for i := range *claimHosts {
		loads = append(loads, hosts.Load{Host: fmt.Sprintf("host%d", i), Max: 1000})
	}
	ids, took := make([]int64, b.N), make([]time.Duration, b.N)
	var next atomic.Int64
	g, ctx := errgroup.WithContext(b.Context())
	b.ResetTimer()
	for range *claimClients {
		g.Go(func() error {
			for i := int(next.Add(1)) - 1; i < b.N; i = int(next.Add(1)) - 1 {
				begun := time.Now()
				s, err := claimAs(ctx, m, loads, fmt.Sprint("claims ", i))
				if err != nil {
					return err
				}
				ids[i], took[i] = s.ID, time.Since(begun)
			}
			return nil
		})
	}
	err = g.Wait()
	b.StopTimer()
	if err != nil {
		b.Fatal(err)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[b.N/2])/1e6, "p50-ms")
	for _, id := range ids {
		if gone, err := m.store.Delete(b.Context(), id); err != nil || !gone {
			b.Fatalf("Delete(%d) = %t, %v", id, gone, err)
		}
	}
}

func claimAs(ctx context.Context, m *Manager, loads []hosts.Load, agent string) (*Session, error) {
	c := m.newClaim(false, loads)
	c.client = &Client{IP: "192.0.2.1", UserAgent: agent}
	return m.store.Claim(ctx, c)
}

func claimConfig(b *testing.B) database.Config {
	b.Helper()
	if *claimDatabase == "" {
		return databasetest.Config(b, "sqlite")
	}
	if path, ok := strings.CutPrefix(*claimDatabase, "sqlite:"); ok {
		return database.Config{Path: path}
	}
	dsn, err := mysql.ParseDSN(*claimDatabase)
	if err != nil {
		b.Fatal(err)
	}
	return database.Config{MySQL: dsn}
}
