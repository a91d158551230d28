package database_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jmoiron/sqlx"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
)

// TestUpgrade checks that a database of each earlier version ends up with the
// tables of a fresh one, and keeps what is in it.
func TestUpgrade(t *testing.T) {
	for _, dialect := range []string{"sqlite", "mysql"} {
		for _, version := range versions(t, dialect) {
			t.Run(fmt.Sprintf("%s from version %d", dialect, version), func(t *testing.T) {
				cfg := databasetest.Config(t, dialect)
				loadVersion(t, cfg, version)
				checkUpgraded(t, cfg)
			})
		}
	}
}

// TestUpgradeUnrecorded checks that a step goes on from where MySQL was left by a
// process that had changed the tables and died before it could say so.
func TestUpgradeUnrecorded(t *testing.T) {
	for _, version := range versions(t, "mysql")[1:] {
		cfg := databasetest.Config(t, "mysql")
		loadVersion(t, cfg, version)
		mustExec(t, raw(t, cfg), `DELETE FROM distributor_migrations WHERE version_id = ?`, version)
		checkUpgraded(t, cfg)
	}
}

// versions returns the numbers of all versions of the tables, in order.
func versions(t *testing.T, dialect string) []int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "versions", dialect, "*.sql"))
	if err != nil || len(files) < 3 {
		t.Fatalf("versions of %s: %q, %v", dialect, files, err)
	}
	var list []int
	for _, f := range files {
		v, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(f), ".sql"))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, v)
	}
	slices.Sort(list)
	return list
}

// loadVersion makes a database as the program of a version left it.
func loadVersion(t *testing.T, cfg database.Config, version int) {
	t.Helper()
	dialect := "mysql"
	if cfg.MySQL == nil {
		dialect = "sqlite"
	}
	for _, v := range versions(t, dialect) {
		if v > version {
			break
		}
		ddl, err := os.ReadFile(filepath.Join("testdata", "versions", dialect, fmt.Sprint(v, ".sql")))
		if err != nil {
			t.Fatal(err)
		}
		if dialect == "mysql" {
			mustExec(t, raw(t, cfg), string(ddl))
			continue
		}
		db, err := database.Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		mustExec(t, db, string(ddl))
		db.Close()
	}
}

// checkUpgraded migrates a database of [loadVersion].
func checkUpgraded(t *testing.T, cfg database.Config) {
	t.Helper()
	db := databasetest.Open(t, cfg)
	if diff := cmp.Diff(golden(t, db.DriverName()), describe(t, db)); diff != "" {
		t.Errorf("schema (-schema.sql +upgraded):\n%s", diff)
	}
	if id, err := db.DatabaseID(t.Context()); err != nil || id != "0123456789abcdef0123456789abcdef" {
		t.Errorf("DatabaseID = %q, %v; want the one from before", id, err)
	}
	const kept = `SELECT
		(SELECT CONCAT_WS(' ', id, clientIp, clientUserAgent, identity, wrpContainerId, containerHost, slot, port, token, nonce, tls, state, started, lastUsed, gateway, frozen) FROM sessions) AS session,
		(SELECT CONCAT_WS(' ', containerHost, drainedAt, reason) FROM hosts) AS host,
		(SELECT CONCAT_WS(' ', id, containersInUsePerHost, timeOfCapture, uniqueClientIps) FROM statistics) AS statistics`
	var got struct{ Session, Host, Statistics string }
	if err := sqlx.Get(db, &got, kept); err != nil {
		t.Fatal(err)
	}
	want := got
	want.Session = "7 192.0.2.1 AmiFox/1 iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii c7 a.example 2 9092 token7 nonce7 1 running 2024-06-01 10:00:00 2024-06-01 11:00:00 0 0"
	want.Host = "b.example 2024-06-01 10:00:00 fan broken"
	want.Statistics = "3 {} 2024-06-01 10:00:00 5"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-before +upgraded):\n%s", diff)
	}
}
