package database_test

import (
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wrpdistributor/internal/clock"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
)

// original returns a database as the PHP distributor leaves it, on a server in
// another zone, with sessions of every kind.
func original(t testing.TB) (database.Config, *sql.DB) {
	t.Helper()
	cfg := databasetest.Config(t, "mysql")
	db := raw(t, cfg)
	setGlobal(t, db, "time_zone", "+02:00")
	fillOriginal(t, db)
	return cfg, db
}

func fillOriginal(t testing.TB, db *sql.DB) {
	t.Helper()
	loadOriginal(t, db)
	mustExec(t, db, `INSERT INTO doctrine_migration_versions VALUES ('DoctrineMigrations\\Version1', '2024-01-02 03:04:05', 12)`)
	mustExec(t, db, `INSERT INTO sessions (id, clientIp, clientUserAgent, wrpContainerId, containerHost, port, started, lastUsed) VALUES
		( 1, '192.0.2.1',           'AmiFox/1', 'c1',  'a.example',      9000, '2024-06-01 12:00:00', '2024-06-01 12:30:00'),
		( 2, '10.9.8.7, 192.0.2.1', 'AmiFox/1', 'c2',  'a.example',      9001, '2024-06-01 12:40:00', NULL),
		( 3, '::ffff:192.0.2.1',    'Voyager',  'c3',  'b.example:2222', 9000, '2024-06-01 12:00:00', '2024-06-01 12:30:00'),
		( 4, '2001:DB8:0:0::1',     'AmiFox/1', 'c4',  'a.example',      9002, '2024-06-01 12:00:00', '2024-06-01 12:30:00'),
		( 5, '192.0.2.5',           'AmiFox/1', NULL,  NULL,             NULL, '2024-06-01 12:00:00', NULL),
		( 6, '192.0.2.6',           'AmiFox/1', NULL,  'a.example',      9003, '2024-06-01 12:00:00', NULL),
		( 7, '192.0.2.7',           'AmiFox/1', '',    'a.example',      9004, '2024-06-01 12:00:00', NULL),
		( 8, '192.0.2.8',           'AmiFox/1', 'c8',  'a.example',      NULL, '2024-06-01 12:00:00', NULL),
		( 9, 'nobody',              'Ünïcode 🦊', 'c9', 'a.example',     9005, '2024-06-01 00:30:00', NULL),
		(10, '192.0.2.10',          'AmiFox/1', 'c10', NULL,             9006, '2024-06-01 12:00:00', NULL),
		(12, '192.0.2.1',           'AmiFox/2', 'c12', 'A.example',      9007, '2024-06-01 12:00:00', NULL),
		(30, '192.0.2.30',          'AmiFox/1', NULL,  NULL,             NULL, '2024-06-01 12:00:00', NULL)`)
	mustExec(t, db, `INSERT INTO statistics VALUES
		(1, 1, 2, 3, 4, 'a:1:{s:9:"127.0.0.1";i:2;}', '2024-06-01 01:59:59', 5),
		(7, 65535, 0, 0, 0, '', '2024-12-31 23:59:59', 0)`)
}

const (
	sessionRows    = `SELECT id, clientIp, clientUserAgent, wrpContainerId, containerHost, slot, port, token, nonce, tls, state, started, HEX(identity) AS identity FROM sessions ORDER BY id`
	statisticsRows = `SELECT * FROM statistics ORDER BY id`
	doctrineRows   = `SELECT * FROM doctrine_migration_versions`
)

// TestTakeOverKeepsSessionsAndStatistics checks what becomes of every kind of session
// and of the statistics: canonical addresses, slots, times in UTC, ids never reused.
func TestTakeOverKeepsSessionsAndStatistics(t *testing.T) {
	cfg, rawDB := original(t)
	doctrine := dump(t, rawDB, doctrineRows)
	before := epoch(t, rawDB, "mysql")
	db := databasetest.Open(t, cfg)
	after := epoch(t, rawDB, "mysql")

	identity := func(ip, userAgent string) string {
		return strings.ToUpper(hex.EncodeToString(database.Identity(ip, userAgent)))
	}
	row := func(id int, ip, ua, host string, slot, port int, state, started, identity string) string {
		return fmt.Sprintf("id=%d clientIp=%s clientUserAgent=%s wrpContainerId=c%d containerHost=%s slot=%d port=%d token=NULL nonce=NULL tls=0 state=%s started=%s identity=%s \n",
			id, ip, ua, id, host, slot, port, state, started, identity)
	}
	want := row(1, "192.0.2.1", "AmiFox/1", "a.example", 0, 9000, "stopping", "2024-06-01 10:00:00", "NULL") +
		row(2, "192.0.2.1", "AmiFox/1", "a.example", 1, 9001, "running", "2024-06-01 10:40:00", identity("192.0.2.1", "AmiFox/1")) +
		row(3, "192.0.2.1", "Voyager", "b.example:2222", 0, 9000, "running", "2024-06-01 10:00:00", identity("192.0.2.1", "Voyager")) +
		row(4, "2001:db8::1", "AmiFox/1", "a.example", 2, 9002, "running", "2024-06-01 10:00:00", identity("2001:db8::1", "AmiFox/1")) +
		row(8, "192.0.2.8", "AmiFox/1", "a.example", 3, 0, "stopping", "2024-06-01 10:00:00", "NULL") +
		row(9, "nobody", "Ünïcode 🦊", "a.example", 4, 9005, "running", "2024-05-31 22:30:00", identity("nobody", "Ünïcode 🦊")) +
		row(12, "192.0.2.1", "AmiFox/2", "A.example", 0, 9007, "running", "2024-06-01 10:00:00", identity("192.0.2.1", "AmiFox/2"))
	if diff := cmp.Diff(want, dump(t, rawDB, sessionRows)); diff != "" {
		t.Errorf("sessions (-want +got):\n%s", diff)
	}

	wantStatistics := "id=1 activeSessions=1 containersRunningTotal=2 remainingContainersTotal=3 containerHostsAvailable=4 containersInUsePerHost=a:1:{s:9:\"127.0.0.1\";i:2;} timeOfCapture=2024-05-31 23:59:59 uniqueClientIps=5 \n" +
		"id=7 activeSessions=65535 containersRunningTotal=0 remainingContainersTotal=0 containerHostsAvailable=0 containersInUsePerHost= timeOfCapture=2024-12-31 21:59:59 uniqueClientIps=0 \n"
	if diff := cmp.Diff(wantStatistics, dump(t, rawDB, statisticsRows)); diff != "" {
		t.Errorf("statistics (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(doctrine, dump(t, rawDB, doctrineRows)); diff != "" {
		t.Errorf("doctrine_migration_versions (-want +got):\n%s", diff)
	}

	var used []time.Time
	if err := db.Select(&used, `SELECT DISTINCT lastUsed FROM sessions`); err != nil {
		t.Fatal(err)
	}
	for _, at := range used {
		if at.Unix() < before || at.Unix() > after {
			t.Errorf("lastUsed = %v, want the time of the migration, %d to %d of the epoch", at, before, after)
		}
	}
	if len(used) == 0 {
		t.Error("lastUsed of no session is set")
	}
	res, err := db.Exec(`INSERT INTO sessions (containerHost, slot, port, state, started) VALUES ('new', 0, 0, 'claimed', UTC_TIMESTAMP())`)
	if err != nil {
		t.Fatal(err)
	}
	if id, _ := res.LastInsertId(); id <= 30 {
		t.Errorf("id of the next session = %d, want more than any of the original's (30)", id)
	}
}

// TestTakenOverSchemaIsFresh checks that the tables of a database that began as the
// original's, of whichever version, are those of a fresh one.
func TestTakenOverSchemaIsFresh(t *testing.T) {
	tests := []struct{ name, before string }{
		{"the last version", ``},
		{"with tokens", `ALTER TABLE sessions ADD COLUMN token VARCHAR(64) NOT NULL; UPDATE sessions SET token = id`},
		{"without client counts", `ALTER TABLE statistics DROP COLUMN uniqueClientIps`},
		{"without statistics", `DROP TABLE statistics`},
		{"latin1", `ALTER TABLE sessions CONVERT TO CHARACTER SET latin1; ALTER DATABASE CHARACTER SET latin1`},
		{"MyISAM", `ALTER TABLE statistics DROP INDEX timeOfCapture_INDEX, ENGINE = MyISAM`},
	}
	fresh := databasetest.Config(t, "mysql")
	databasetest.Open(t, fresh)
	want := schema(t, raw(t, fresh))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg, db := original(t)
			if tt.before != "" {
				mustExec(t, db, `DELETE FROM sessions WHERE id = 9`) // not in latin1
				mustExec(t, db, tt.before)
			}
			migrated := databasetest.Open(t, cfg)
			if diff := cmp.Diff(want, schema(t, db)); diff != "" {
				t.Errorf("schema (-fresh +adopted):\n%s", diff)
			}
			if diff := cmp.Diff(golden(t, "mysql"), describe(t, migrated)); diff != "" {
				t.Errorf("schema (-schema.sql +adopted):\n%s", diff)
			}
			if got := dump(t, db, `SELECT COUNT(*) AS n FROM sessions WHERE token IS NULL AND nonce IS NULL`); got == "n=0 \n" {
				t.Error("no session was taken over without a token")
			}
		})
	}
}

// TestForeignTables checks that a database of another program is refused, and not
// changed.
func TestForeignTables(t *testing.T) {
	tests := []struct{ name, ddl, want string }{
		{"sessions", `CREATE TABLE sessions (id VARCHAR(191) PRIMARY KEY, payload TEXT)`, "no column clientIp"},
		{"statistics", `CREATE TABLE statistics (id INT PRIMARY KEY)`, "no column activeSessions"},
		{"pool", `CREATE TABLE pool (id INT); CREATE TABLE sx (id INT)`, "table pool of another program"},
	}
	for _, tt := range tests {
		cfg := databasetest.Config(t, "mysql")
		db := raw(t, cfg)
		mustExec(t, db, tt.ddl)
		_, err := database.OpenAndMigrate(t.Context(), cfg)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Migrate = %v, want it to say %q", tt.name, err, tt.want)
		}
		if got := dump(t, db, `SHOW TABLES LIKE 's%'`); strings.Count(got, "\n") != 1 || strings.Contains(got, "original_") {
			t.Errorf("%s: tables are now\n%s", tt.name, got)
		}
	}
}

// TestDownRestoresTheOriginal goes down from an adopted database and up again.
func TestDownRestoresTheOriginal(t *testing.T) {
	cfg, rawDB := original(t)
	php := schema(t, rawDB)
	statistics := dump(t, rawDB, statisticsRows)
	db := databasetest.Open(t, cfg)
	mustExec(t, db, `UPDATE sessions SET lastUsed = '2024-06-01 11:00:00'`)
	adopted := dump(t, rawDB, statisticsRows)
	firstID, err := db.DatabaseID(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	// Sessions 1 and 8 were taken over to be stopped.
	err = database.Down(t.Context(), db)
	if !errors.Is(err, database.ErrUnfit) || !strings.Contains(fmt.Sprint(err), "[1 8]") {
		t.Fatalf("Down = %v, want ErrUnfit naming sessions 1 and 8", err)
	}
	if got := dump(t, rawDB, statisticsRows); got != adopted {
		t.Errorf("a refused Down has changed the statistics:\n%s", cmp.Diff(adopted, got))
	}
	mustExec(t, db, `DELETE FROM sessions WHERE id IN (1, 8)`)
	writeOurs(t, db)
	if err := database.Down(t.Context(), db); err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(php, schema(t, rawDB)); diff != "" {
		t.Errorf("schema (-original +after Down):\n%s", diff)
	}
	if diff := cmp.Diff(statistics+oursSerialized(), dump(t, rawDB, statisticsRows)); diff != "" {
		t.Errorf("statistics (-original and ours +after Down):\n%s", diff)
	}
	mustExec(t, rawDB, `DELETE FROM statistics WHERE id > 7`)
	want := "id=2 clientIp=192.0.2.1 wrpContainerId=c2 containerHost=a.example port=9001 started=2024-06-01 12:40:00 lastUsed=2024-06-01 13:00:00 \n"
	if got := dump(t, rawDB, `SELECT id, clientIp, wrpContainerId, containerHost, port, started, lastUsed FROM sessions WHERE id = 2`); got != want {
		t.Errorf("session 2 after Down:\n%s", cmp.Diff(want, got))
	}
	if got := dump(t, rawDB, `SELECT COUNT(*) AS n FROM sessions`); got != "n=5 \n" {
		t.Errorf("sessions after Down: %s, want 5", got)
	}
	// What the original does next: a client without a container.
	mustExec(t, rawDB, `INSERT INTO sessions (clientIp, clientUserAgent) VALUES ('192.0.2.99', 'AmiFox/1')`)

	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := dump(t, rawDB, statisticsRows); got != adopted {
		t.Errorf("statistics after going up again:\n%s", cmp.Diff(adopted, got))
	}
	if got := dump(t, rawDB, `SELECT id, slot FROM sessions WHERE state = 'running' ORDER BY id`); got != "id=2 slot=0 \nid=3 slot=0 \nid=4 slot=1 \nid=9 slot=2 \nid=12 slot=0 \n" {
		t.Errorf("sessions after going up again:\n%s", got)
	}
	if id, err := db.DatabaseID(t.Context()); err != nil || id == firstID {
		t.Errorf("DatabaseID after going down and up = %q, %v; want a new one, since the PHP program's containers came between", id, err)
	}
}

// TestUnfit has one session that can go back, and next to it one that cannot.
func TestUnfit(t *testing.T) {
	db := databasetest.NewMySQL(t)
	sameButForASpace := "[]"
	if padsSpaces(t, db) {
		sameButForASpace = "[1]"
	}
	tests := []struct {
		name   string
		change string // to session 2, which fits
		unfit  string
	}{
		{"another client", ``, "[]"},
		{"claimed", `state = 'claimed', wrpContainerId = NULL`, "[2]"},
		{"starting", `state = 'starting'`, "[2]"},
		{"stopping", `state = 'stopping'`, "[2]"},
		{"started by us", `nonce = 'n'`, "[2]"},
		{"nobody's", `state = 'warm', identity = NULL`, "[2]"},
		{"without container", `wrpContainerId = NULL`, "[2]"},
		{"a text too long for an address", `clientIp = REPEAT('x', 40)`, "[2]"},
		{"same client but for case", `clientUserAgent = 'AMIFOX'`, "[1]"},
		{"same client but for an accent", `clientUserAgent = 'Amifóx'`, "[1]"},
		{"same client but for a space", `clientUserAgent = 'AmiFox '`, sameButForASpace},
		{"same client, used earlier", `clientUserAgent = 'AMIFOX', lastUsed = '2024-01-01 00:00:00'`, "[2]"},
		{"same client, being stopped", `clientUserAgent = 'AMIFOX', state = 'stopping'`, "[2]"},
		{"same host but for case", `containerHost = 'A', port = 9000`, "[1]"},
		{"both", `containerHost = 'A', port = 9000, clientUserAgent = 'AMIFOX'`, "[1]"},
	}
	for _, tt := range tests {
		mustExec(t, db, `DELETE FROM sessions`)
		mustExec(t, db, `INSERT INTO sessions (id, clientIp, clientUserAgent, identity, wrpContainerId, containerHost, slot, port, state, started, lastUsed) VALUES
			(1, '192.0.2.1', 'AmiFox', REPEAT('1', 32), 'c1', 'a', 0, 9000, 'running', '2024-06-01 00:00:00', NULL),
			(2, '192.0.2.1', 'Voyager', REPEAT('2', 32), 'c2', 'a', 1, 9001, 'running', '2024-06-01 00:00:00', '2024-06-01 00:00:01')`)
		if tt.change != "" {
			mustExec(t, db, `UPDATE sessions SET `+tt.change+` WHERE id = 2`)
		}
		ids, err := database.Unfit(t.Context(), db)
		if err != nil || fmt.Sprint(ids) != tt.unfit {
			t.Errorf("%s: Unfit = %v, %v; want %s", tt.name, ids, err, tt.unfit)
		}
	}
}

// padsSpaces reports whether texts that differ by the spaces at their ends are the same
// in the database's own collation: MariaDB's is of that kind, MySQL's is not since 8.
func padsSpaces(t *testing.T, db *database.DB) (pads bool) {
	t.Helper()
	var charset, collation string
	if err := db.QueryRow(`SELECT @@character_set_database, @@collation_database`).Scan(&charset, &collation); err != nil {
		t.Fatal(err)
	}
	if err := db.Get(&pads, `SELECT CONVERT('x' USING `+charset+`) COLLATE `+collation+` = 'x '`); err != nil {
		t.Fatal(err)
	}
	return pads
}

// TestUnfitIsEnough stops what Unfit lists, of sessions of all kinds, and
// expects Down to find room for the rest, whatever the database takes for the same text.
func TestUnfitIsEnough(t *testing.T) {
	agents := []string{"x", "X", "x ", "ẋ", "y", strings.Repeat("z", 255) + "1", strings.Repeat("Z", 255) + "2", "🦊", "🐻", "ß", "ss"}
	for _, collation := range []string{"utf8mb4_unicode_ci", "utf8mb4_general_ci", "utf8mb4_bin", "latin1_swedish_ci"} {
		t.Run(collation, func(t *testing.T) {
			cfg := databasetest.Config(t, "mysql")
			mustExec(t, raw(t, cfg), `ALTER DATABASE COLLATE `+collation)
			db := databasetest.Open(t, cfg)
			for i, agent := range agents {
				mustExec(t, db, `INSERT INTO sessions (clientIp, clientUserAgent, identity, wrpContainerId, containerHost, slot, port, state, started) VALUES (?, ?, ?, ?, ?, ?, ?, 'running', UTC_TIMESTAMP())`,
					"192.0.2.1", agent, database.Identity("192.0.2.1", agent), fmt.Sprint("c", i), "a", i, 9000+i)
			}
			mustExec(t, db, `UPDATE sessions SET containerHost = 'A', port = 9000 WHERE slot = 10`)
			ids, err := database.Unfit(t.Context(), db)
			if err != nil || len(ids) == 0 || len(ids) == len(agents) {
				t.Fatalf("Unfit = %v, %v; want some", ids, err)
			}
			for _, id := range ids {
				mustExec(t, db, `DELETE FROM sessions WHERE id = ?`, id)
			}
			if err := database.Down(t.Context(), db); err != nil {
				t.Fatal(err)
			}
			got := dump(t, raw(t, cfg), `SELECT DISTINCT TABLE_COLLATION AS c FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()`)
			if want := "c=" + collation + " \n"; got != want {
				t.Errorf("collation after Down: %q, want %q", got, want)
			}
		})
	}
}

// TestDownSeesClaimUnderWay commits a claim while Down waits for the pool's lock:
// Down must see it, and not lose it.
func TestDownSeesClaimUnderWay(t *testing.T) {
	cfg := databasetest.Config(t, "mysql")
	db := databasetest.Open(t, cfg)
	tx := db.MustBegin()
	defer tx.Rollback()
	if err := database.LockPool(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	mustExec(t, tx, `INSERT INTO sessions (containerHost, slot, port, state, started) VALUES ('a', 0, 9000, 'claimed', UTC_TIMESTAMP())`)
	down := make(chan error)
	go func() { down <- database.Down(t.Context(), db) }()
	observer := raw(t, cfg)
	eventually(t, "Down waits for the pool's lock", func() bool {
		// InnoDB fills this table anew only if nobody has read it for 0.1 s.
		_ = clock.Sleep(t.Context(), 150*time.Millisecond)
		return dump(t, observer, `
			SELECT COUNT(*) AS n FROM information_schema.INNODB_TRX JOIN information_schema.PROCESSLIST ON ID = trx_mysql_thread_id
			WHERE DB = DATABASE() AND trx_state = 'LOCK WAIT'`) == "n=1 \n"
	})
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-down; !errors.Is(err, database.ErrUnfit) {
		t.Errorf("Down beside a claim = %v, want ErrUnfit", err)
	}
}

func TestDownFresh(t *testing.T) {
	db := databasetest.NewMySQL(t)
	if err := database.Down(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	for range 2 { // nothing is left to go down from
		if err := database.Down(t.Context(), db); err != nil {
			t.Errorf("Down again: %v", err)
		}
	}
	var tables []string
	if err := db.Select(&tables, `SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME`); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(tables) != "[sessions statistics]" {
		t.Errorf("tables after Down: %v, want those of the original", tables)
	}
}

// TestDownUntouched checks that the original's database is left alone by Down.
func TestDownUntouched(t *testing.T) {
	cfg, rawDB := original(t)
	before := state(t, rawDB)
	db, err := database.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := database.Down(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, state(t, rawDB)); diff != "" {
		t.Errorf("Down has changed the original's database (-before +after):\n%s", diff)
	}
}

func TestDownSQLite(t *testing.T) {
	db := databasetest.New(t)
	if err := database.Down(t.Context(), db); err == nil {
		t.Error("Down on SQLite succeeded")
	}
	if _, err := database.Unfit(t.Context(), db); err == nil {
		t.Error("Unfit on SQLite succeeded")
	}
}
