package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/proctest"
)

// wantOutage checks that every way to a distributor tells of its database: which one, what
// is wrong and what to do.
func (s *stack) wantOutage(texts ...string) {
	s.t.Helper()
	texts = append(texts, "The database mysql test@tcp("+s.db.Addr+")/"+s.db.DBName, "Start it, or correct SESSION_DATABASE_DSN", "distributor config check")
	for way, env := range ways {
		ask := s.asked(env)
		s.want("status "+way, ask(1, "status"), append(texts, "Nobody gets a new session: the database does not answer.", "-> distributor", "is not known")...)
		s.want("pause "+way, ask(1, "pause"), texts...)
		s.want("sessions list "+way, ask(1, "sessions list"), texts...)
		s.want("journal "+way, ask(1, "journal"), texts...)
	}
}

// TestDatabaseThatIsAwaitedIsTold from the first moment on; hosts are read again when it
// answers.
func TestDatabaseThatIsAwaitedIsTold(t *testing.T) {
	s, server, _ := newWaitingStack(t)
	s.set("ADMIN_TOKEN", "0perator")
	s.launch()
	s.awaitOutput("database unavailable")
	s.want("the log", s.proc.Output(), `database="mysql test@tcp(`+s.db.Addr+")", `mend="Start it, or correct SESSION_DATABASE_DSN; distributor config check"`)
	s.wantOutage("does not answer since", "connection refused", "the service waits, and begins by itself")
	s.want("reload", s.asked("")(1, "reload"), "HOSTS_FILE is not set")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	s.awaitReady()
	s.want("status", s.asked("")(0, "status"), "A client can get a session now", "-> distributor")
	s.stop(os.Interrupt)
}

// TestReloadBeforeTheDatabaseAnswers is made when it does.
func TestReloadBeforeTheDatabaseAnswers(t *testing.T) {
	s, _, all := newReloadStack(t, 2)
	server := databasetest.Server(t)
	s.db = server.Config(t).MySQL
	s.set("SESSION_DATABASE_DSN", s.db.FormatDSN())
	server.Stop()
	s.WriteHostsFile(all[:1]...)
	s.launch()
	s.awaitOutput("database unavailable")
	s.WriteHostsFile()
	s.want("reload without a host", s.run(1, "distributor", "reload"), "Nothing was changed", "the file has no host")
	s.WriteHostsFile(all...)
	s.want("reload", s.run(0, "distributor", "reload"), "waits for its database", "the file is good")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	s.awaitReady()
	s.awaitOutput("hosts reloaded")
	s.want("hosts list", s.run(0, "distributor", "hosts", "list"), all[0].Name, all[1].Name)
}

// TestDatabaseThatFallsSilentIsTold: a server that is frozen, and one that was killed.
func TestDatabaseThatFallsSilentIsTold(t *testing.T) {
	s, server, _ := newWaitingStack(t)
	s.set("ADMIN_TOKEN", "0perator")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	s.start()
	server.Pause()
	s.wantOutage("no answer")
	server.Unpause()
	server.Kill()
	s.wantOutage("connection refused")
	s.want("config check", s.run(1, "distributor", "config", "check"), "reachable: no, ", "Start it, or correct SESSION_DATABASE_DSN")
}

// TestE2ELockedFileIsNoDeadDistributor: after half a minute without a heartbeat, too.
func TestE2ELockedFileIsNoDeadDistributor(t *testing.T) {
	proctest.E2E(t)
	s, file := newSQLiteStack(t)
	s.start()
	lock := databasetest.Open(t, database.Config{Path: file}).MustBegin()
	status := func() string {
		out, _ := s.Command("distributor", "status").CombinedOutput()
		if strings.Contains(string(out), "no distributor works") || strings.Contains(string(out), "was last seen") {
			t.Errorf("status says\n%s", out)
		}
		return string(out)
	}
	for _, seconds := range []string{"0", "60"} {
		if _, err := lock.Exec(`UPDATE processes SET seen = datetime('now', '-' || ? || ' seconds')`, seconds); err != nil {
			t.Fatal(err)
		}
		s.eventually("the lock is told of", func() bool {
			out := status()
			return strings.Contains(out, "takes no writes since") && strings.Contains(out, "fuser -v '"+file+"'") && strings.Contains(out, "-> distributor")
		})
	}
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
	s.awaitReady()
	s.eventually("it is over", func() bool { return strings.Contains(status(), "A client can get a session now") })
}

// TestConfigCheckTriesAWrite: a lock that others keep, and tables of other versions.
func TestConfigCheckTriesAWrite(t *testing.T) {
	s, file := newSQLiteStack(t)
	s.run(0, "distributor", "migrate")
	other := databasetest.Open(t, database.Config{Path: file})
	s.want("config check", s.run(0, "distributor", "config", "check"), "  tables: up to date\n  takes writes: yes\n", "The settings are good.")
	other.MustExec(`DELETE FROM distributor_migrations WHERE version_id > 8`)
	s.want("config check of old tables", s.run(0, "distributor", "config", "check"), "of an earlier version (8, this one has ")
	other.MustExec(`INSERT INTO distributor_migrations (version_id, is_applied) VALUES (999, 1)`)
	s.want("config check of new tables", s.run(0, "distributor", "config", "check"), "of a later version (999, this one has ")
	lock := other.MustBegin()
	defer lock.Rollback()
	s.want("config check of a locked file", s.run(1, "distributor", "config", "check"), "takes writes: no, another process", "fuser -v '"+file+"'", "the database takes no writes, see above")
	out, _ := s.Command("distributor", "config", "check", "--json").Output()
	var found struct {
		Good     bool
		Problems []string
		Settings struct{ Hosts []struct{ Host string } }
		Database struct {
			Reachable, TakesWrites bool
			Tables, Error          string
		}
	}
	if err := json.Unmarshal(out, &found); err != nil || found.Good || found.Problems == nil || len(found.Settings.Hosts) != 1 ||
		!found.Database.Reachable || found.Database.TakesWrites || found.Database.Tables != "newer" || found.Database.Error == "" {
		t.Errorf("config check --json says %s (%v); want a host, and a database that is reached and takes no writes", out, err)
	}
	s.set("AUTH_TOKEN", "")
	out, _ = s.Command("distributor", "config", "check", "--json").Output()
	if err := json.Unmarshal(out, &found); err != nil || found.Good || len(found.Problems) == 0 || !strings.HasPrefix(found.Problems[0], "AUTH_TOKEN: not set") {
		t.Errorf("config check --json of wrong settings says %s (%v)", out, err)
	}
}
