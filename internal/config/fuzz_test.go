package config

import (
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
)

func FuzzHosts(f *testing.F) {
	dir := f.TempDir()
	writeKey(f, filepath.Join(dir, "plain"), "") // opening a locked one takes too long here
	for _, row := range [][5]string{
		{"local", "10", "", "", "9090"},
		{"a,b:2222", "1,2", "u~plain,u~plain~ignored", "/c~/k,", "9090"},
		{"[::1]:22,::1,local", "7", "u~plain~x,~~,", "/dev/null~/dev/null,~,/c", "65500"},
		{"a,a,-,u@h,[", "0,x,-1,99999999999999999999,", "u~none~,~,u~~,u,~k", ",,,,", "x"},
		{"a\nb", "1\n2", "u~no\nne\nu~plain", "\n", "\n"},
	} {
		f.Add(row[0], row[1], row[2], row[3], row[4])
	}
	f.Fuzz(func(t *testing.T, list, limits, keys, certs, start string) {
		// What stands after an entry's second ~ is secret.
		parts := strings.Split(keys, ",")
		for i, entry := range parts {
			if strings.Count(entry, "~") >= 2 {
				parts[i] = entry + "s3cr3t"
			}
		}
		env := map[string]string{
			"AUTH_TOKEN": "k", "SSH_DIR": dir, "CONTAINER_HOSTS": list, "MAX_CONTAINERS_RUNNING": limits,
			"CONTAINER_HOSTS_KEYS": strings.Join(parts, ","), "CONTAINER_HOSTS_TLS_CERTS": certs, "START_PORT": start,
		}
		c, err := parseEnv(env)
		if err != nil {
			if lines, problems := strings.Count(err.Error(), "\n")+1, len(err.(Problems)); lines != problems {
				t.Errorf("%d problems on %d lines:\n%v", problems, lines, err)
			}
			if strings.Contains(err.Error(), "s3cr3t") && !strings.Contains(list+limits+certs+start, "s3cr3t") {
				t.Errorf("keys %q: printed a passphrase:\n%v", env["CONTAINER_HOSTS_KEYS"], err)
			}
			return
		}
		seen := map[string]bool{}
		for _, h := range c.Hosts {
			if h.Max < 1 || c.StartPort < 1 || c.StartPort+h.Max+c.SparePorts-1 > 65535 {
				t.Errorf("host %q: %d containers from port %d", h.Name, h.Max, c.StartPort)
			}
			if seen[h.Name] || strings.ContainsAny(h.Name, ", \n") {
				t.Errorf("host %q: twice, or a strange name", h.Name)
			}
			seen[h.Name] = true
			if h.TLS != nil && (!strings.HasPrefix(h.TLS.Cert, "/") || !strings.HasPrefix(h.TLS.Key, "/")) {
				t.Errorf("host %q: certificate %+v", h.Name, h.TLS)
			}
			if h.Name == "local" {
				continue
			}
			host, port, err := net.SplitHostPort(h.SSH.Addr)
			if err != nil || host != h.Address || !isHost(host) || !isPort(port) || h.SSH.User == "" || h.SSH.Signer == nil {
				t.Errorf("host %q: address %q, SSH %+v", h.Name, h.Address, h.SSH)
			}
		}
	})
}

func FuzzDSN(f *testing.F) {
	for _, dsn := range []string{
		"mysql:dbname=d;host=db;port=3306;charset=utf8mb4;", "mysql:dbname=d;unix_socket=/s;user=u;password=s3cr3t",
		"mysql:dbname=d;host=[::1]", "mysql:s3cr3t", "u:s3cr3t@tcp(db:3306)/d?tls=true&strict=1", "mysql:s3cr3t@tcp(db)/d",
		"mysql://u:s3cr3t@db:3306/d?loc=Europe/Berlin&charset=a,b", "mysql://u:s3cr3t@[fe80::1%25a]/d%2f?x#y",
		"sqlite:x.db", "sqlite::memory:", "pgsql:host=db;password=s3cr3t", "s3cr3t", "@(/", "",
	} {
		f.Add(dsn, "u")
	}
	f.Fuzz(func(t *testing.T, dsn, user string) {
		db, err := parseDatabase(dsn, user, "s3cr3t")
		if err != nil {
			if strings.Contains(err.Error(), "s3cr3t") || strings.Contains(err.Error(), "\n") {
				t.Errorf("DSN %q: printed a password, or two lines:\n%v", dsn, err)
			}
			return
		}
		if db.Driver == SQLite {
			if db.MySQL != nil || db.Path == "" || db.Path == ":memory:" {
				t.Errorf("DSN %q: %s", dsn, db)
			}
			return
		}
		if db.Path != "" || db.MySQL.User == "" || db.MySQL.DBName == "" {
			t.Errorf("DSN %q: %s, path %q", dsn, db, db.Path)
		}
		if _, port, err := net.SplitHostPort(db.MySQL.Addr); db.MySQL.Net == "tcp" && (err != nil || !isPort(port)) {
			t.Errorf("DSN %q: address %q", dsn, db.MySQL.Addr)
		}
		if _, err := mysql.NewConnector(db.MySQL); err != nil {
			t.Errorf("DSN %q: the driver says %v", dsn, err)
		}
	})
}

// Any text is read as a file, and as the value of a variable.
func FuzzDotenv(f *testing.F) {
	for _, text := range []string{
		"", "A=1\nB='2'\nC=\"3\\n\" # c\nD=${A}x\n", "export A= b # c\r\n#x\nB: \"${A} \\${A} $A\"",
		"A='x\ny'\nB=C:\\x #", `A="\""`, "s3cr3t", "A='s3cr3t", "pa$WORD${", "\x00\xff\u2028",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, bad := parseDotenv(text)
		if lines := strings.Count(text, "\n") + 1; !slices.IsSorted(bad) || len(bad) > lines || len(bad) > 0 && (bad[0] < 1 || bad[len(bad)-1] > lines) {
			t.Errorf("%q: bad lines %v", text, bad)
		}
		text = strings.ReplaceAll(text, "\r\n", "\n")
		if strings.ContainsAny(text, `'\`) {
			return // has no place between single quotes
		}
		got, bad := parseDotenv("A=1\nB='" + text + "'\nC=3")
		if bad != nil || got["A"] != "1" || got["B"] != text || got["C"] != "3" {
			t.Errorf("%q between single quotes is read as %q, bad lines %v", text, got, bad)
		}
	})
}
