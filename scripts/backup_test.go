package scripts_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
)

// TestBackupOfSQLite: while the distributor runs a backup is whole, and nothing is
// put back; after it, sessions are not lost unasked.
func TestBackupOfSQLite(t *testing.T) {
	if _, err := exec.LookPath("sqlite3"); err != nil {
		hoststest.Missing(t, "sqlite3")
	}
	hoststest.StandIn(t)
	c := proctest.Build(t)
	dir := newFolder(t, []string{"AUTH_TOKEN=k", "SESSION_DATABASE_DSN=sqlite:data/it's.db", "COMPOSE_PROJECT_NAME=wrp-none"})
	c.Dir = dir
	addr := proctest.FreeAddr(t)
	c.Set("LISTEN", addr)
	c.Set("PUBLISH_ADDRESS", "127.0.0.1")
	c.Set("WRP_IMAGE", hoststest.Image)
	c.Set("START_PORT", strconv.Itoa(proctest.FreeRange(t, 30)))
	refuses(t, "no SQLite file data/it's.db", dir, nil, "backup.sh", "backup")

	distributor := c.Start("distributor")
	proctest.AwaitReady(t, distributor, "http://"+addr)
	succeeds(t, "Backed up data/it's.db to empty.db", dir, nil, "backup.sh", "backup", "empty.db")
	id := sqlite(t, dir, "empty.db", "SELECT databaseId FROM pool")
	t.Cleanup(func() { hoststest.RemoveContainers(t, id) })
	put := proctest.Request{Method: http.MethodPut, URL: "http://" + addr + "/", Token: "k", Agent: "a"}
	if a, err := proctest.Do(t.Context(), put); err != nil || a.Code != http.StatusAccepted {
		t.Fatalf("PUT: %+v, %v", a, err)
	}
	succeeds(t, "Backed up data/it's.db to it's one.db", dir, nil, "backup.sh", "backup", "it's one.db")
	if n := sqlite(t, dir, "it's one.db", "SELECT COUNT(*) FROM sessions"); n != "1" {
		t.Errorf("the backup has %s sessions, want 1", n)
	}
	sqlite(t, dir, "it's one.db", "UPDATE sessions SET settings = 'x'") // as of what waits
	write(t, filepath.Join(dir, "not.db"), "SQLite format 3", 0o600)
	refuses(t, "not.db is no whole database", dir, nil, "backup.sh", "restore", "not.db")
	refuses(t, "A distributor or cleanup has data/it's.db open", dir, []string{"FORCE=1"}, "backup.sh", "restore", "empty.db")

	distributor.Signal(syscall.SIGTERM)
	<-distributor.Done()
	refuses(t, "There is 1 session in the database, which", dir, nil, "backup.sh", "restore", "empty.db")
	succeeds(t, "Restored data/it's.db from empty.db", dir, []string{"FORCE=1"}, "backup.sh", "restore", "empty.db")
	succeeds(t, "Restored data/it's.db from it's one.db", dir, nil, "backup.sh", "restore", "it's one.db")
	if n := sqlite(t, dir, "data/it's.db", "SELECT COUNT(*) FROM sessions"); n != "1" {
		t.Errorf("what was restored has %s sessions, want 1", n)
	}
	if n := sqlite(t, dir, "data/it's.db", "SELECT COUNT(*) FROM sessions WHERE settings <> ''"); n != "0" {
		t.Errorf("%s of them may be handed over to somebody else, want none", n)
	}
	// The session goes on.
	distributor = c.Start("distributor")
	proctest.AwaitReady(t, distributor, "http://"+addr)
	if a, err := proctest.Do(t.Context(), put); err != nil || a.Code != http.StatusNoContent {
		t.Errorf("PUT after restore: %+v, %v; want 204", a, err)
	}
	if kept, _ := filepath.Glob(filepath.Join(dir, "backup-*.before-restore.db")); len(kept) == 0 {
		t.Error("what was there before was not kept")
	}
}

// TestBackupIsOfTheDatabaseThatIsMeant: a file that some earlier run has left is no backup of
// the stack's MySQL, or of one elsewhere.
func TestBackupIsOfTheDatabaseThatIsMeant(t *testing.T) {
	if _, err := exec.LookPath("sqlite3"); err != nil {
		hoststest.Missing(t, "sqlite3")
	}
	for _, tt := range []struct {
		file, env []string
		want      string
	}{
		{[]string{"MYSQL_PASSWORD=p"}, []string{"DOCKER_HOST=unix:///nowhere/docker.sock"}, "no Docker engine answers"},
		{[]string{"SESSION_DATABASE_DSN_FILE=dsn"}, nil, "There is nothing to back up here"},
		{[]string{"SESSION_DATABASE_DSN_FILE=nowhere"}, nil, "SESSION_DATABASE_DSN_FILE cannot be read"},
	} {
		dir := newFolder(t, append(tt.file, "AUTH_TOKEN=k", "COMPOSE_PROJECT_NAME=wrp-none"))
		write(t, filepath.Join(dir, "dsn"), "mysql:host=db.example;dbname=wrp\n", 0o600)
		if err := os.MkdirAll(filepath.Join(dir, "data"), 0o700); err != nil {
			t.Fatal(err)
		}
		sqlite(t, dir, "data/distributor.db", "CREATE TABLE pool (a); INSERT INTO pool VALUES (1)")
		refuses(t, tt.want, dir, tt.env, "backup.sh", "backup")
		if made, _ := filepath.Glob(filepath.Join(dir, "backup-*")); len(made) > 0 {
			t.Errorf("%q: it makes %q", tt.file, made)
		}
	}
}

// TestBackupThatCannotBeWritten leaves nothing that could be taken for one.
func TestBackupThatCannotBeWritten(t *testing.T) {
	dir := sqliteFolder(t)
	refuses(t, "data/distributor.db cannot be backed up to nowhere/x.db", dir, nil, "backup.sh", "backup", "nowhere/x.db")

	// No file gets longer than this: as on a disk that is full.
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `trap "" XFSZ; ulimit -f 100; exec scripts/backup.sh backup x.db`)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "data/distributor.db cannot be backed up to x.db") {
		t.Errorf("%v, says:\n%s", err, out)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "x.db*")); len(left) > 0 {
		t.Errorf("it leaves %q", left)
	}
}

// TestBackupsAtOnce do not take the half of another for their own.
func TestBackupsAtOnce(t *testing.T) {
	dir := sqliteFolder(t)
	const n = 4
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			if out, code := script(t, dir, nil, "backup.sh", "backup"); code != 0 {
				t.Errorf("exit code %d:\n%s", code, out)
			}
		})
	}
	all.Wait()
	if made, _ := filepath.Glob(filepath.Join(dir, "backup-*")); len(made) != n {
		t.Errorf("%d backups at once are %q", n, made)
	}
}

// TestRestoreSaysWhatWouldBeLost, and how much of it is nobody's yet.
func TestRestoreSaysWhatWouldBeLost(t *testing.T) {
	for _, tt := range []struct{ states, want string }{
		{"('running')", "There is 1 session in the database, which would be lost: stop it first"},
		{"('running'), ('running')", "There are 2 sessions in the database, which would be lost: stop them first"},
		{"('running'), ('warm'), ('warming')", "There are 3 sessions in the database (without a client yet: 2), which"},
		{"('warm')", "There is 1 session in the database (without a client yet: 1), which"},
	} {
		dir := sqliteFolder(t)
		succeeds(t, "Backed up", dir, nil, "backup.sh", "backup", "x.db")
		sqlite(t, dir, "data/distributor.db", "INSERT INTO sessions (state) VALUES "+tt.states)
		refuses(t, tt.want, dir, nil, "backup.sh", "restore", "x.db")
	}
	// Of the PHP program's time.
	dir := sqliteFolder(t)
	succeeds(t, "Backed up", dir, nil, "backup.sh", "backup", "x.db")
	sqlite(t, dir, "data/distributor.db", "DROP TABLE sessions; CREATE TABLE sessions (a); INSERT INTO sessions VALUES (1)")
	refuses(t, "There is 1 session in the database, which", dir, nil, "backup.sh", "restore", "x.db")
}

// TestRestoreOfTheStackSaysWhatWouldBeLost, and leaves MySQL as it was.
func TestRestoreOfTheStackSaysWhatWouldBeLost(t *testing.T) {
	dir := stackFolder(t)
	write(t, filepath.Join(dir, "x.sql"), wholeDump, 0o600)
	env := pretendDocker(t, dir, `case "$*" in
*"WHERE state IN ('warm', 'warming')"*) echo 1 ;;
*"FROM sessions"*) echo 2 ;;
*"FROM pool"*) echo 1 ;;
esac`)
	refuses(t, "There are 2 sessions in the database (without a client yet: 1), which", dir, env, "backup.sh", "restore", "x.sql")
	if !strings.Contains(told(t, dir), "stop mysql\n") {
		t.Errorf("MySQL still runs:\n%s", told(t, dir))
	}
}

// wholeDump could be one of the stack's database.
const wholeDump = "INSERT INTO `pool` VALUES (1);\n-- Dump completed\n"

// TestBackupSaysWhatAFileIsNot: neither another file nor a name that cannot be one is begun with,
// and nothing is asked or made for it.
func TestBackupSaysWhatAFileIsNot(t *testing.T) {
	for _, tt := range []struct{ command, file, text, want string }{
		{"backup", `a"b.db`, "", "can have no double quote"},
		{"backup", `a\b.db`, "", "can have no double quote"},
		{"backup", "a\nb.db", "", "can have no double quote"},
		{"backup", "-x.db", "", "can have no double quote"},
		{"backup", "file:x.db", "", "can have no double quote"},
		{"backup", "x", "", "ends in .sql (the stack's database) or .db (a SQLite file), which x does not"},
		{"restore", `a"b.db`, "SQLite format 3", "can have no double quote"},
		{"restore", "README.md", "words", "which README.md does not"},
		{"restore", "x.db", "words", "x.db is no SQLite file. Nothing was done."},
		{"restore", "x.db", "", "x.db is no SQLite file. Nothing was done."},
		{"restore", "x.sql", "words", "x.sql is no whole dump"},
		{"restore", "x.sql", "SQLite format 3", "x.sql is no whole dump"},
		{"restore", "nowhere.db", "", "There is no file nowhere.db"},
	} {
		dir := newFolder(t, nil)
		write(t, filepath.Join(dir, "data/distributor.db"), "", 0o600)
		if tt.command == "restore" && tt.file != "nowhere.db" {
			write(t, filepath.Join(dir, tt.file), tt.text, 0o600)
		}
		before := names(t, dir)
		refuses(t, tt.want, dir, []string{"DOCKER_HOST=unix:///nowhere/docker.sock"}, "backup.sh", tt.command, tt.file)
		if after := names(t, dir); !slices.Equal(after, before) {
			t.Errorf("%s %q: there was %q, now there is %q", tt.command, tt.file, before, after)
		}
	}
}

// TestTheDatabaseIsNoBackup: under another name, too, which a distributor that runs would go on
// writing to.
func TestTheDatabaseIsNoBackup(t *testing.T) {
	dir := sqliteFolder(t)
	if err := os.Link(filepath.Join(dir, "data/distributor.db"), filepath.Join(dir, "x.db")); err != nil {
		t.Fatal(err)
	}
	before := names(t, dir)
	for _, command := range []string{"backup", "restore"} {
		for _, file := range []string{"data/distributor.db", "x.db"} {
			refuses(t, file+" is the database itself. Nothing was done.", dir, []string{"FORCE=1"}, "backup.sh", command, file)
		}
	}
	if after := names(t, dir); !slices.Equal(after, before) {
		t.Errorf("there was %q, now there is %q", before, after)
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// sqliteFolder returns a folder with a database that could be the distributor's.
func sqliteFolder(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("sqlite3"); err != nil {
		hoststest.Missing(t, "sqlite3")
	}
	dir := newFolder(t, []string{"AUTH_TOKEN=k", "COMPOSE_PROJECT_NAME=wrp-none"})
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	sqlite(t, dir, "data/distributor.db", `CREATE TABLE pool (a); INSERT INTO pool VALUES (1);
		CREATE TABLE sessions (state, settings); CREATE TABLE b (b); INSERT INTO b VALUES (zeroblob(1000000))`)
	return dir
}

func sqlite(t *testing.T, dir, file, statement string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sqlite3", file, statement)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("sqlite3 %s: %v\n%s", file, err, out)
	}
	return strings.TrimSpace(string(out))
}
