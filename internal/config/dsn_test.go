package config

import (
	"strings"
	"testing"
)

func parseDatabase(dsn, user, pass string) (Database, error) {
	p := new(parser)
	db := p.database(variablesOf(map[string]string{"SESSION_DATABASE_DSN": dsn, "SESSION_DATABASE_USER": user, "SESSION_DATABASE_PASS": pass}))
	if len(p.problems) > 0 {
		return db, p.problems
	}
	return db, nil
}

func TestEveryFormOfDSNIsUnderstood(t *testing.T) {
	const db = "mysql wrp@tcp(db:3306)/d" // what most rows say in other words
	for _, tt := range []struct{ dsn, want, pass string }{
		{"mysql:dbname=d;host=db", db, "env"},
		{"mysql:host=db;port=3306;dbname=d;charset=utf8mb4", db, "env"},
		{" MySQL: dbname = d ; host = db ; ", db, "env"},
		{"mysql:dbname=d;host=db;password= hunter2 ;user=root", "mysql root@tcp(db:3306)/d", " hunter2 "},
		{"mysql:dbname=d;host=db;port=33060", "mysql wrp@tcp(db:33060)/d", "env"},
		{"mysql:dbname=d", "mysql wrp@tcp(localhost:3306)/d", "env"},
		{"mysql:dbname=d;host=::1", "mysql wrp@tcp([::1]:3306)/d", "env"},
		{"mysql:dbname=d;host=[::1];port=1", "mysql wrp@tcp([::1]:1)/d", "env"},
		{"mysql:dbname=d;unix_socket=/run/my.sock", "mysql wrp@unix(/run/my.sock)/d", "env"},
		{"mysql:dbname=d;unix_socket=/run/my.sock;host=localhost", "mysql wrp@unix(/run/my.sock)/d", "env"},
		{"root:hunter2@tcp(db:3306)/d", "mysql root@tcp(db:3306)/d", "hunter2"},
		{"root:p@/:s@tcp(db)/d?tls=true", "mysql root@tcp(db:3306)/d", "p@/:s"},
		{"root@tcp([::1]:3306)/d", "mysql root@tcp([::1]:3306)/d", "env"},
		{"tcp(db:3306)/d", db, "env"},
		{"@unix(/run/my.sock)/d", "mysql wrp@unix(/run/my.sock)/d", "env"},
		{"mysql:hunter2@tcp(db:3306)/d", "mysql mysql@tcp(db:3306)/d", "hunter2"},
		{"mysql://root:hunter2@db:3306/d", "mysql root@tcp(db:3306)/d", "hunter2"},
		{"mysql://db/d", db, "env"},
		{"mariadb://root:p%40%2F%3A%23@[::1]/d?loc=Europe/Berlin", "mysql root@tcp([::1]:3306)/d", "p@/:#"},
		{"sqlite:x/y.db", "sqlite x/y.db", ""},
		{"sqlite:/x//y.db", "sqlite /x/y.db", ""},
		{"sqlite:///x/y.db", "sqlite /x/y.db", ""},
		{"", "sqlite data/distributor.db", ""},
	} {
		got, err := parseDatabase(tt.dsn, "wrp", "env")
		pass := ""
		if got.MySQL != nil {
			pass = got.MySQL.Passwd
		}
		if err != nil || got.String() != tt.want || pass != tt.pass {
			t.Errorf("DSN %q = %s, password %q, %v; want %s, password %q", tt.dsn, got, pass, err, tt.want, tt.pass)
		}
	}
}

// TLS among them, for a certificate in the name of the server.
func TestDSNOptionsReachTheDriver(t *testing.T) {
	for _, dsn := range []string{"u:p@tcp(db:3306)/d?tls=true&readTimeout=3s", "mysql://u:p@db/d?tls=true&readTimeout=3s"} {
		got, err := parseDatabase(dsn, "", "")
		if err != nil {
			t.Errorf("DSN %q: %v", dsn, err)
		} else if got.MySQL.TLS == nil || got.MySQL.TLS.ServerName != "db" || got.MySQL.ReadTimeout.Seconds() != 3 {
			t.Errorf("DSN %q: TLS %v, read timeout %v; want TLS for db, 3s", dsn, got.MySQL.TLS, got.MySQL.ReadTimeout)
		}
	}
}

func TestDSNProblemQuotesNothing(t *testing.T) {
	const name = "SESSION_DATABASE_DSN: "
	const goForm, urlForm, listForm, noDB = "want mysql:dbname=..;host=.. or ", "want mysql://user:password@", "want mysql:dbname=..;host=.., and", "no such database here"
	for _, tt := range []struct{ dsn, want string }{
		{"sqlite::memory:", "a database in memory forgets"},
		{"sqlite:./:memory:", "a database in memory forgets"},
		{"sqlite:", "want sqlite:path"},
		{"sqlite://x.db", "want sqlite:path"},
		{"sqlite:x.db?mode=memory", "want sqlite:path with a plain path"},
		{"sqlite:file:x.db", "want sqlite:path with a plain path"},
		{"pgsql:host=db;dbname=d;password=hunter2", noDB},
		{"postgres://u:hunter2@/d", noDB},
		{"redis://:hunter2@db/0", noDB},
		{"mysql:host=db", "the name of the database is missing"},
		{"mysql:dbname=;host=db", "the name of the database is missing"},
		{"mysql:", "the name of the database is missing"},
		{"mysql:dbname=d;host=a b", "want a host name"},
		{"mysql:dbname=d;host=db:3306", "want a host name"},
		{"mysql:dbname=d;host=db;port=0", "want a host name"},
		{"mysql:dbname=d;host=db;port=65536", "want a host name"},
		{"mysql:dbname=d;host=db;port=hunter2", "want a host name"},
		{"mysql:dbname=d;password=a;hunter2", listForm},
		{"mysql:dbname=d;password=a;hunter2=b", listForm},
		{"mysql:dbname=d;host=a;host=b", "one of its parts is there twice"},
		{"mysql:dbname=d;host=a;unix_socket=/s", "want either host or unix_socket"},
		{"mysql:dbname=d;unix_socket=s", "want the absolute path"},
		{"mysql://u:hunter2#x@db/d", urlForm},
		{"mysql://u:hunter2/x@db/d", urlForm},
		{"mysql://u:1/hunter2@db", urlForm},
		{"mysql://u:%zz@db/d", urlForm},
		{"mysql://u:p@db/d#hunter2", urlForm},
		{"mysql://u:hunter2@db", "the name of the database is missing"},
		{"mysql://u:hunter2@db:99999/d", "want a host name"},
		{"u:hunter2@tcp(db:3306)/", "the name of the database is missing"},
		{"u:hunter2@tcp(db:3306/d", goForm},
		{"u:hunter2@tcp(db:3306)/d?strict=true", goForm},
		{"u:hunter2@tcp(db:3306)/d?tls=hunter2", goForm},
		{"u:hunter2@udp(db:3306)/d", "want tcp(host:port) or unix(path)"},
		{"u:hunter2@tcp(db:0)/d", "want a host name"},
		{"/var/lib/wrp.db", goForm},
		{"/wrp.db", goForm},
		{"hunter2", goForm},
	} {
		_, err := parseDatabase(tt.dsn, "wrp", "hunter2")
		if err == nil {
			t.Errorf("DSN %q: no problem, want %q", tt.dsn, tt.want)
		} else if got := err.Error(); !strings.HasPrefix(got, name+tt.want) || strings.Contains(got, "\n") || strings.Contains(got, "hunter2") {
			t.Errorf("DSN %q:\n%s\nwant one line that starts with\n%s", tt.dsn, got, name+tt.want)
		}
	}
	_, err := parseDatabase("mysql:dbname=d;host=db", "", "hunter2")
	if want := "SESSION_DATABASE_USER: not set"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("a DSN without user: %v, want %s", err, want)
	}
}
