package database_test

import (
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
)

// TestOperatorsOptionsBreakNothing opens a database with every option of a DSN that
// would change what our statements mean, or what comes back, or what is escaped.
func TestOperatorsOptionsBreakNothing(t *testing.T) {
	server := raw(t, databasetest.Config(t, "mysql"))
	for _, options := range []string{
		"interpolateParams=false",
		"clientFoundRows=false",
		"parseTime=false",
		"loc=America%2FNew_York",
		"timeTruncate=1h",
		"multiStatements=true",
		"columnsWithAlias=true",
		"checkConnLiveness=false",
		"allowAllFiles=true",
		"maxAllowedPacket=64",
		"charset=latin1",
		"charset=sjis",
		"collation=gbk_chinese_ci",
		"collation=utf8mb4_turkish_ci",
		"character_set_client=latin1",
		"Character_Set_Client=sjis",
		"@@session.character_set_client=gbk",
		"character_set_connection=latin1",
		"character_set_results=latin1",
		"time_zone=%27%2B05%3A00%27",
		"TIME_ZONE=%27%2B05%3A00%27",
		"@@session.time_zone=%27%2B05%3A00%27",
		"sql_mode=%27ANSI_QUOTES,NO_BACKSLASH_ESCAPES%27",
		"SQL_MODE=%27%27",
		"autocommit=0",
		"completion_type=2",
		"sql_select_limit=0",
		"sql_safe_updates=1",
		"max_join_size=1",
		"unique_checks=0",
		"foreign_key_checks=0",
		readOnly(t, server) + "=1",
		isolation(t, server) + "=%27SERIALIZABLE%27",
		"innodb_lock_wait_timeout=600",
		"lock_wait_timeout=600",
		"wait_timeout=1",
	} {
		t.Run(options, func(t *testing.T) {
			cfg := databasetest.Config(t, "mysql")
			given, err := mysql.ParseDSN(cfg.MySQL.FormatDSN() + "?" + options)
			if err != nil {
				t.Fatal(err)
			}
			db := databasetest.Open(t, database.Config{MySQL: given})
			checkSessionSettings(t, db)
			checkMeaning(t, db, cfg)
		})
	}
}

// checkMeaning checks what this package promises of statements and answers.
func checkMeaning(t *testing.T, db *database.DB, cfg database.Config) {
	t.Helper()
	insert(t, db, "a", 0)
	insert(t, db, "b", 0)
	const agent = "Fox 🦊 ü ' \\' \" \\"
	at := time.Date(2024, 6, 1, 12, 0, 0, 700_000_000, time.FixedZone("", 2*60*60))
	mustExec(t, db, `UPDATE sessions SET clientUserAgent = ?, started = ? WHERE containerHost = ?`, agent, at, "a")
	res, err := db.Exec(`UPDATE sessions SET state = 'claimed'`)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 2 {
		t.Errorf("rows that an UPDATE found: %d, %v; want 2", n, err)
	}
	var list []struct {
		Host    string    `db:"containerHost"`
		Agent   string    `db:"clientUserAgent"`
		Started time.Time `db:"started"`
	}
	err = db.Select(&list, `SELECT s.containerHost, s.clientUserAgent, s.started FROM sessions s JOIN pool ON pool.id = 1 ORDER BY s.containerHost`)
	if err != nil || len(list) != 2 || list[0].Agent != agent || !list[0].Started.Equal(time.Date(2024, 6, 1, 10, 0, 0, 0, time.UTC)) {
		t.Errorf("rows = %+v, %v; want both, as they were written", list, err)
	}
	if _, err := db.Exec(`SELECT 1; SELECT 2`); err == nil {
		t.Error("two statements in one were carried out")
	}
	// Another program's connection sees what was committed, and the very bytes.
	if got := dump(t, raw(t, cfg), `SELECT COUNT(*) AS n, MAX(HEX(clientUserAgent)) AS agent FROM sessions`); got != "n=2 agent=466F7820F09FA68A20C3BC2027205C272022205C \n" {
		t.Errorf("another connection reads %s", got)
	}
}

// checkSessionSettings checks the variables of the session on every connection.
func checkSessionSettings(t *testing.T, db *database.DB) {
	t.Helper()
	for range 3 {
		conn, err := db.Connx(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() // at the end: each round has a connection of its own
		for variable, want := range map[string]string{
			isolation(t, db.DB.DB): "READ-COMMITTED", "time_zone": "+00:00", "sql_mode": "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION",
			"innodb_lock_wait_timeout": "5", "lock_wait_timeout": "5", "wait_timeout": "60",
			"character_set_client": "utf8mb4", "character_set_connection": "utf8mb4", "character_set_results": "utf8mb4",
			"autocommit": "1", "completion_type": "NO_CHAIN", "sql_select_limit": "18446744073709551615",
			"sql_safe_updates": "0", "sql_big_selects": "1", "sql_auto_is_null": "0",
			"unique_checks": "1", "foreign_key_checks": "1", readOnly(t, db.DB.DB): "0",
		} {
			var got string
			if err := conn.GetContext(t.Context(), &got, "SELECT @@SESSION."+variable); err != nil || got != want {
				t.Errorf("%s = %s, %v; want %s", variable, got, err, want)
			}
		}
	}
}
