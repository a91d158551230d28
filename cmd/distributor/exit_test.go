package main

import (
	"net"
	"os"
	"testing"

	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/database"
)

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
		{"drain, no host", good, true, []string{"hosts", "drain"}, 2},
		{"drain, unknown host", good, true, []string{"hosts", "drain", "x"}, 1},
		{"drain", good, true, []string{"hosts", "drain", "local"}, 0},
		{"undrain, not drained", good, true, []string{"hosts", "undrain", "local"}, 1},

		{"why, nothing", good, true, []string{"why"}, 2},
		{"why, of nothing that there is", good, true, []string{"why", "a.example"}, 2},
		{"why, unknown", good, true, []string{"why", "ABCDEFGH22"}, 1},
		{"why, no database", good, false, []string{"why", "ABCDEFGH22"}, 1},
		{"journal", good, true, []string{"journal"}, 0},
		{"journal, argument", good, true, []string{"journal", "x"}, 2},
		{"journal, kind", good, true, []string{"journal", "--kind", "x"}, 2},
		{"journal, time", good, true, []string{"journal", "--since", "-1h"}, 2},
		{"journal, no database", good, false, []string{"journal"}, 1},

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
