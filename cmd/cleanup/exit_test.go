package main

import (
	"os"
	"testing"

	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/database"
)

// exitCode runs the program in an empty folder of its own, or in one with a
// database that is set up.
func exitCode(t *testing.T, env map[string]string, withDatabase bool, args ...string) int {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, name := range []string{"AUTH_TOKEN", "START_PORT", "CONTAINER_HOSTS", "DATA_DIR", "SESSION_DATABASE_DSN"} {
		t.Setenv(name, env[name])
	}
	if withDatabase {
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
	return cli.ExitCode(run(t.Context(), args, t.Output(), t.Output()))
}

func TestExitCodeSaysWhetherAnythingWasTouched(t *testing.T) {
	good := map[string]string{"AUTH_TOKEN": "x"}
	unreachable := map[string]string{"AUTH_TOKEN": "x", "SESSION_DATABASE_DSN": "mysql:dbname=d;host=127.0.0.1;port=1;user=u"}
	for _, tt := range []struct {
		name     string
		env      map[string]string
		database bool
		args     []string
		want     int
	}{
		{"help", nil, false, []string{"--help"}, 0},
		{"unknown flag", good, true, []string{"--nonsense"}, 2},
		{"flag without its value", good, true, []string{"--timeout"}, 2},
		{"flag of a wrong kind", good, true, []string{"--timeout", "0"}, 2},
		{"argument of a wrong kind", good, true, []string{"0"}, 2},
		{"too many arguments", good, true, []string{"1", "2"}, 2},
		{"flags that exclude each other", good, true, []string{"--every", "1m", "--all"}, 2},
		{"settings", map[string]string{"AUTH_TOKEN": "x", "START_PORT": "no"}, true, nil, 2},
		{"no settings", nil, true, nil, 2},
		{"file of settings missing", good, true, []string{"--env-file", "none"}, 2},
		{"no database", good, false, nil, 2},
		{"host to forget is configured", good, true, []string{"--forget-host", "local"}, 2},
		{"database unreachable", unreachable, false, nil, 1},
		{"host to forget is not", good, true, []string{"--forget-host", "old"}, 0},
		{"nothing to do", good, true, []string{"--no-orphans"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := exitCode(t, tt.env, tt.database, tt.args...); got != tt.want {
				t.Errorf("cleanup %q exits %d, want %d", tt.args, got, tt.want)
			}
		})
	}
}

func TestExitCodeOfDatabaseThatIsNotSetUp(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("AUTH_TOKEN", "x")
	if err := os.Mkdir("data", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("data/distributor.db", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := cli.ExitCode(run(t.Context(), nil, t.Output(), t.Output())); got != 1 {
		t.Errorf("cleanup on an empty database exits %d, want 1", got)
	}
}
