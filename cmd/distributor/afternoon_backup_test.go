package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/operator"
)

// goesBack makes a backup, lets people come and go, and puts it back. Who was there then
// goes on. Who has come since is a stranger whose container goes with the next cleanup, and
// whose number costs nobody a session.
func (a *afternoon) goesBack() {
	a.t.Helper()
	before := a.come("PUT", anna, 204).Header
	a.eventually("nothing is being started", func() bool { return a.highest() == a.highest("running", "warm") })
	a.backUp()
	last := a.highest()
	a.come("DELETE", carla, 202)
	a.come("PUT", greta, 202)
	lost := a.container(a.sessions(greta)[0])
	a.eventually("there is a container of which the backup knows nothing", func() bool { return a.highest("running", "warm") > last })
	a.stopAll()
	a.restore()
	a.restart()

	after := a.come("PUT", anna, 204).Header
	for _, name := range []string{"X-Wrp-Url", "X-Wrp-Token"} {
		if after.Get(name) != before.Get(name) {
			a.t.Errorf("anna's %s is %q, was %q", name, after.Get(name), before.Get(name))
		}
	}
	if code, _, _ := a.request("GET", "http://"+after.Get("X-Wrp-Url")+"/", after.Get("X-Wrp-Token"), anna.agent); code != 200 {
		a.t.Errorf("anna's WRP = %d, want 200", code)
	}
	a.come("PUT", carla, 202)
	a.come("PUT", greta, 202)
	a.eventually("the log says that names are taken", func() bool {
		return strings.Contains(a.output(), "containers of an earlier life of the database found")
	})
	a.run(0, "cleanup", "--timeout", "10")
	a.eventually("each container has a session", a.isKnown)
	a.eventually("the container of greta's lost session is gone", func() bool { // one that waited is replaced
		return hoststest.Docker(a.t, "ps", "-aq", "--filter", "id="+lost) == ""
	})
	if status := answer[operator.Status](a, 0, "status"); len(status.Wrong) > 0 {
		a.t.Errorf("after the restore this is wrong: %+v", status.Wrong)
	}
}

// highest is the highest number of a session, or of one in one of these states.
func (a *afternoon) highest(states ...string) (id int64) {
	a.t.Helper()
	for _, s := range answer[operator.SessionList](a, 0, "sessions list").Sessions {
		if len(states) == 0 || slices.Contains(states, s.State) {
			id = s.ID
		}
	}
	return id
}

// output is what all distributors that run have logged.
func (a *afternoon) output() string {
	var all strings.Builder
	for _, p := range a.procs {
		all.WriteString(p.Output())
	}
	return all.String()
}

// isKnown reports whether all containers are those of sessions.
func (a *afternoon) isKnown() bool {
	a.t.Helper()
	there := strings.Fields(hoststest.Docker(a.t, "ps", "-a", "--filter", "label=wrpdistributor.database="+a.id, "--format", `{{.Label "wrpdistributor.session"}}`))
	all := answer[operator.SessionList](a, 0, "sessions list").Sessions
	return !slices.ContainsFunc(there, func(id string) bool {
		return !slices.ContainsFunc(all, func(s operator.Session) bool { return strconv.FormatInt(s.ID, 10) == id })
	})
}

// backUp makes a backup, while all runs.
func (a *afternoon) backUp() {
	a.t.Helper()
	if a.database.MySQL != nil {
		a.shell(0, a.documented("mysqldump --single-transaction --no-tablespaces --set-gtid-purged=OFF --hex-blob -h HOST -u USER -p NAME > FILE.sql"))
		return
	}
	a.bringMake()
	a.want("make backup", a.shell(0, "make backup FILE=afternoon.db"), "Backed up data/wrp.db to afternoon.db.")
}

// restore puts it back, while nothing runs.
func (a *afternoon) restore() {
	a.t.Helper()
	if a.database.MySQL == nil {
		a.want("make restore", a.shell(2, "make restore FILE=afternoon.db"), "which would be lost", "FORCE=1", "Nothing was done.")
		a.want("make restore", a.shell(0, "make restore FILE=afternoon.db FORCE=1"), "Restored data/wrp.db from afternoon.db.")
		return
	}
	for _, line := range []string{
		"mysql -h HOST -u USER -p -e 'DROP DATABASE NAME; CREATE DATABASE NAME'",
		"mysql -h HOST -u USER -p NAME < FILE.sql",
		`mysql -h HOST -u USER -p -e "UPDATE sessions SET settings = ''" NAME`,
	} {
		a.shell(0, a.documented(line))
	}
}

// documented is a line of docs/operations.md as it is typed for the test's database: with
// MariaDB's programs where they are, and the password in the environment.
func (a *afternoon) documented(line string) string {
	a.t.Helper()
	text, err := os.ReadFile(filepath.Join(hoststest.Root(a.t), "docs", "operations.md"))
	if err != nil {
		a.t.Fatal(err)
	}
	if !strings.Contains(string(text), line) {
		a.t.Errorf("docs/operations.md does not have %s", line)
	}
	if _, err := exec.LookPath("mariadb-dump"); err == nil {
		line = strings.NewReplacer("mysqldump ", "mariadb-dump ", " --set-gtid-purged=OFF", "").Replace(line)
	} else if _, err := exec.LookPath("mysqldump"); err != nil {
		hoststest.Missing(a.t, "mariadb-dump (Debian package mariadb-client), or mysqldump")
	}
	db := a.database.MySQL
	host, port, _ := strings.Cut(db.Addr, ":")
	return "MYSQL_PWD='" + db.Passwd + "' " + strings.NewReplacer("HOST", host+" -P "+port, "USER", db.User, " -p ", " ", "NAME", db.DBName, "FILE", "afternoon").Replace(line)
}

// bringMake puts what make needs beside the programs.
func (a *afternoon) bringMake() {
	a.t.Helper()
	root := hoststest.Root(a.t)
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err == nil {
		err = os.WriteFile(filepath.Join(a.Dir, "Makefile"), makefile, 0o600)
	}
	if err == nil {
		err = os.CopyFS(filepath.Join(a.Dir, "scripts"), os.DirFS(filepath.Join(root, "scripts")))
	}
	if err != nil {
		a.t.Fatal(err)
	}
}

// shell runs a line in the service's folder, and returns what it printed.
func (a *afternoon) shell(code int, line string) string {
	a.t.Helper()
	cmd := a.Command("")
	cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-c", line}
	out, err := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != code {
		a.t.Fatalf("%s: exit %d (%v), want %d\n%s", line, got, err, code, out)
	}
	return string(out)
}
