package main

import (
	"net"
	"os"
	"strings"
	"testing"

	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/database"
)

// TestHelpSaysHowItEnds: that of commands that are not ours too.
func TestHelpSaysHowItEnds(t *testing.T) {
	s := &stack{t: t, Commands: *commands(t)}
	for _, args := range []string{"completion --help", "completion bash --help", "status --help"} {
		s.want(args, s.run(0, "distributor", strings.Fields(args)...), "Exit status: 0")
	}
}

func TestExitCodeSaysWhetherAnythingWasTouched(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	good := map[string]string{"AUTH_TOKEN": "x", "LISTEN": taken.Addr().String()}
	bad := map[string]string{"AUTH_TOKEN": "x", "START_PORT": "no"}
	for _, tt := range []struct {
		name     string
		env      map[string]string
		database bool
		args     []string
		want     int
	}{
		{"help", nil, false, []string{"--help"}, 0},
		{"help of a sub-command", nil, false, []string{"migrate", "--help"}, 0},
		{"unknown flag", good, true, []string{"--nonsense"}, 2},
		{"flag of a wrong kind", good, true, []string{"--pretend", "two"}, 2},
		{"unknown sub-command", good, true, []string{"nonsense"}, 2},
		{"settings", bad, true, nil, 2},
		{"no settings", nil, true, nil, 2},
		{"settings of pretend hosts", bad, true, []string{"--pretend", "2"}, 2},
		{"file of settings missing", good, true, []string{"--env-file", "none"}, 2},
		{"address in use", good, true, nil, 1},

		{"migrate, unknown flag", good, true, []string{"migrate", "--nonsense"}, 2},
		{"migrate, argument", good, true, []string{"migrate", "down"}, 2},
		{"migrate, settings", bad, true, []string{"migrate"}, 2},
		{"migrate", good, false, []string{"migrate"}, 0},
		{"migrate back, no database", good, false, []string{"migrate", "--down"}, 1},
		{"migrate back, the PHP program had no SQLite", good, true, []string{"migrate", "--down"}, 1},

		{"hosts", good, true, []string{"hosts"}, 0},
		{"hosts, unknown sub-command", good, true, []string{"hosts", "nonsense"}, 2},
		{"list, argument", good, true, []string{"hosts", "list", "x"}, 2},
		{"list, settings", bad, true, []string{"hosts", "list"}, 2},
		{"list, no database", good, false, []string{"hosts", "list"}, 1},
		{"list, the only host has no image", good, true, []string{"hosts", "list"}, 1},
		{"check, unknown host", good, false, []string{"hosts", "check", "x"}, 2},
		{"check, settings", bad, false, []string{"hosts", "check"}, 2},
		{"check, the only host has no image", good, false, []string{"hosts", "check"}, 1},
		{"pull, unknown host", good, false, []string{"hosts", "pull", "x"}, 2},
		{"pull, settings", bad, false, []string{"hosts", "pull"}, 2},
		{"drain, no host", good, true, []string{"hosts", "drain"}, 2},
		{"drain, unknown host", good, true, []string{"hosts", "drain", "x"}, 1},
		{"drain", good, true, []string{"hosts", "drain", "local"}, 0},
		{"undrain, not drained", good, true, []string{"hosts", "undrain", "local"}, 1},

		{"why, nothing", good, true, []string{"why"}, 2},
		{"why, of nothing that there is", good, true, []string{"why", "a.example:2222"}, 2},
		{"why, unknown", good, true, []string{"why", "ABCDEFGH22"}, 1},
		{"why, no database", good, false, []string{"why", "ABCDEFGH22"}, 1},
		{"journal", good, true, []string{"journal"}, 0},
		{"journal, argument", good, true, []string{"journal", "x"}, 2},
		{"journal, kind", good, true, []string{"journal", "--kind", "x"}, 2},
		{"journal, time", good, true, []string{"journal", "--since", "-1h"}, 2},
		{"journal, no database", good, false, []string{"journal"}, 1},
		{"status, argument", good, true, []string{"status", "x"}, 2},
		{"status, settings", bad, true, []string{"status"}, 2},
		{"status, nobody serves", good, true, []string{"status"}, 1},
		{"sessions", good, true, []string{"sessions"}, 0},
		{"sessions, unknown sub-command", good, true, []string{"sessions", "nonsense"}, 2},
		{"sessions list", good, true, []string{"sessions", "list"}, 0},
		{"sessions list, no database", good, false, []string{"sessions", "list"}, 1},
		{"sessions stop, which", good, true, []string{"sessions", "stop"}, 2},
		{"sessions stop, both", good, true, []string{"sessions", "stop", "7", "--host", "a"}, 2},
		{"sessions stop, no number", good, true, []string{"sessions", "stop", "x"}, 2},
		{"sessions stop, none such", good, true, []string{"sessions", "stop", "7"}, 1},
		{"sessions stop, none chosen", good, true, []string{"sessions", "stop", "--client", "192.0.2.9"}, 0},
		{"sessions stop, no such host", good, true, []string{"sessions", "stop", "--host", "a"}, 1},
		{"sessions stop, no age", good, true, []string{"sessions", "stop", "--older-than", "-1h"}, 2},
		{"processes", good, true, []string{"processes"}, 0},
		{"statistics", good, true, []string{"statistics"}, 0},
		{"statistics, time", good, true, []string{"statistics", "--since", "30s"}, 2},
		{"statistics, no database", good, false, []string{"statistics"}, 1},
		{"pause, argument", good, true, []string{"pause", "x"}, 2},
		{"pause", good, true, []string{"pause"}, 0},
		{"resume, not paused", good, true, []string{"resume"}, 1},
		{"config", good, true, []string{"config"}, 0},
		{"config check", good, true, []string{"config", "check"}, 0},
		{"config check, settings", bad, true, []string{"config", "check"}, 1},
		{"config check, argument", good, true, []string{"config", "check", "x"}, 2},
		{"token new", nil, false, []string{"token", "new"}, 0},
		{"token new, argument", nil, false, []string{"token", "new", "x"}, 2},
		{"version", nil, false, []string{"version"}, 0},

		{"healthcheck, no port", good, false, []string{"healthcheck", "--address", "x"}, 2},
		{"healthcheck, argument", good, false, []string{"healthcheck", "x"}, 2},
		{"healthcheck, nobody there", good, false, []string{"healthcheck", "--address", "127.0.0.1:1"}, 1},

		{"completion, argument", good, false, []string{"completion", "bash", "x"}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			prepare(t, tt.env, tt.database)
			if got := cli.ExitCode(run(t.Context(), tt.args, t.Output(), t.Output())); got != tt.want {
				t.Errorf("distributor %q exits %d, want %d", tt.args, got, tt.want)
			}
		})
	}
}

// prepare moves to an empty folder with those settings and, if wanted, a database
// that is set up.
func prepare(t *testing.T, env map[string]string, withDatabase bool) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, name := range []string{"AUTH_TOKEN", "LISTEN", "START_PORT", "CONTAINER_HOSTS", "DATA_DIR", "SESSION_DATABASE_DSN"} {
		t.Setenv(name, env[name])
	}
	if !withDatabase {
		return
	}
	if err := os.Mkdir("data", 0o700); err != nil {
		t.Fatal(err)
	}
	db, err := database.OpenAndMigrate(t.Context(), database.Config{Path: "data/distributor.db", Create: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
