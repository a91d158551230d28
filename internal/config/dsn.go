package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// A Database says which database to open. Printing it does not show the
// password.
type Database struct {
	Driver string        // mysql (MariaDB too) or sqlite
	MySQL  *mysql.Config // user, address, name and the operator's own options; nil for sqlite
	Path   string        // the SQLite file; empty for mysql
}

// The drivers of a [DatabaseID].
const (
	MySQL  = "mysql"
	SQLite = "sqlite"
)

// String names the database for people.
func (d Database) String() string {
	if d.MySQL == nil {
		return d.Driver + " " + d.Path
	}
	return fmt.Sprintf("%s %s@%s(%s)/%s", d.Driver, d.MySQL.User, d.MySQL.Net, d.MySQL.Addr, d.MySQL.DBName)
}

// MarshalText is String, for JSON and log/slog.
func (d Database) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// database parses SESSION_DATABASE_DSN and its companions. What the DSN says
// of user and password goes before them. No part of a DSN is ever printed, because
// in a malformed one the password may be anywhere.
func (p *parser) database(v *variables) Database {
	dsn, ok := p.secret("SESSION_DATABASE_DSN", v.SessionDatabaseDSN, v.SessionDatabaseDSNFile)
	user, userOK := p.secret("SESSION_DATABASE_USER", v.SessionDatabaseUser, v.SessionDatabaseUserFile)
	pass, _ := p.secret("SESSION_DATABASE_PASS", v.SessionDatabasePass, v.SessionDatabasePassFile)
	if !ok {
		return Database{}
	}
	if dsn == "" {
		return Database{Driver: SQLite, Path: filepath.Join(v.DataDir, "distributor.db")}
	}
	db, err := parseDSN(strings.TrimSpace(dsn))
	if err != nil {
		p.wrong("SESSION_DATABASE_DSN", "", "%v", err)
		return db
	}
	if db.MySQL == nil {
		return db
	}
	if db.MySQL.User == "" {
		db.MySQL.User = user
	}
	if db.MySQL.Passwd == "" {
		db.MySQL.Passwd = pass
	}
	if db.MySQL.User == "" && userOK {
		p.wrong("SESSION_DATABASE_USER", "", "not set, and SESSION_DATABASE_DSN names no user either")
	}
	return db
}

// parseDSN understands what the variable may hold. Its errors quote nothing.
func parseDSN(dsn string) (Database, error) {
	scheme, rest, _ := strings.Cut(dsn, ":")
	scheme = strings.ToLower(scheme)
	var cfg *mysql.Config
	var err error
	switch isURL := strings.HasPrefix(rest, "//"); { // the order matters: a user, too, may be called mysql
	case scheme == SQLite:
		return sqliteFile(rest)
	case (scheme == MySQL || scheme == "mariadb") && isURL:
		cfg, err = fromURL(dsn)
	case scheme == MySQL && (strings.Contains(rest, "dbname") || !strings.Contains(rest, "@")):
		cfg, err = fromPDO(rest)
	case isURL || strings.HasPrefix(scheme, "pgsql") || strings.HasPrefix(scheme, "postgres"):
		return Database{}, errors.New("no such database here, want MySQL, MariaDB or SQLite")
	default:
		cfg, err = fromGo(dsn)
	}
	if err != nil {
		return Database{}, err
	}
	return Database{Driver: MySQL, MySQL: cfg}, checkMySQL(cfg)
}

// pretendDatabase is where the sessions of pretend hosts are kept, apart from real ones.
func pretendDatabase(v *variables) Database {
	return Database{Driver: SQLite, Path: filepath.Join(v.DataDir, "pretend", "distributor.db")}
}

func sqliteFile(path string) (Database, error) {
	clean := filepath.Clean(path) // ./:memory: is :memory: as well
	switch {
	case path == "" || strings.HasPrefix(path, "//") && !strings.HasPrefix(path, "///"):
		return Database{}, errors.New("want sqlite:path")
	case clean == ":memory:":
		return Database{}, errors.New("a database in memory forgets which containers run and is not seen by cleanup, want sqlite:path")
	case strings.HasPrefix(clean, "file:") || strings.ContainsAny(clean, "?\x00"):
		return Database{}, errors.New("want sqlite:path with a plain path, without options")
	}
	return Database{Driver: SQLite, Path: clean}, nil
}

// fromPDO reads the list of a PHP DSN, such as dbname=wrp;host=db;port=3306.
//
// A charset is accepted and not followed: what we send is UTF-8, and the
// driver says so. A host "localhost" is reached over TCP; PHP would take a
// socket, whose path we cannot know.
func fromPDO(list string) (*mysql.Config, error) {
	value := map[string]string{}
	for part := range strings.SplitSeq(list, ";") {
		key, val, _ := strings.Cut(part, "=")
		key = strings.TrimSpace(key)
		switch _, twice := value[key]; {
		case strings.TrimSpace(part) == "":
			continue
		case twice:
			return nil, errors.New("one of its parts is there twice")
		}
		switch key {
		case "dbname", "host", "port", "unix_socket", "charset", "user":
			value[key] = strings.TrimSpace(val)
		case "password":
			value[key] = val
		default:
			return nil, errors.New("want mysql:dbname=..;host=.., and after more semicolons port, unix_socket, charset, user, password; nothing else")
		}
	}
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.DBName = value["user"], value["password"], value["dbname"]
	host, port, socket := value["host"], value["port"], value["unix_socket"]
	if socket != "" {
		if host != "" && host != "localhost" {
			return nil, errors.New("want either host or unix_socket")
		}
		cfg.Net, cfg.Addr = "unix", socket
		return cfg, nil
	}
	cfg.Net, cfg.Addr = "tcp", joinAddr(host, port)
	return cfg, nil
}

// fromURL reads mysql://user:pass@host:3306/db?option=value.
func fromURL(dsn string) (*mysql.Config, error) {
	u, err := url.Parse(dsn)
	if err != nil || u.Fragment != "" || strings.ContainsAny(strings.TrimPrefix(u.Path, "/"), "/@") {
		return nil, errors.New("want mysql://user:password@host:3306/name; in user and password, %XX for any of : / ? # @ %")
	}
	cfg, err := fromGo("@tcp(" + joinAddr(u.Hostname(), u.Port()) + ")/" +
		url.PathEscape(strings.TrimPrefix(u.Path, "/")) + "?" + strings.ReplaceAll(u.RawQuery, "/", "%2F"))
	if err != nil {
		return nil, err
	}
	cfg.User = u.User.Username()
	cfg.Passwd, _ = u.User.Password()
	return cfg, nil
}

// fromGo reads the driver's own form, user:pass@tcp(host:3306)/db?option=value.
func fromGo(dsn string) (*mysql.Config, error) {
	bad := errors.New("want mysql:dbname=..;host=.. or user:password@tcp(host:3306)/name or mysql://user:password@host:3306/name or sqlite:path, with options that the MySQL driver knows")
	// The driver takes /name for a database on this machine. Here it is more
	// likely a path without its sqlite: before it.
	if !strings.ContainsAny(dsn, "@(") {
		return nil, bad
	}
	_, query, _ := strings.Cut(dsn[strings.LastIndex(dsn, "/")+1:], "?")
	for option := range strings.SplitSeq(query, "&") {
		if strings.HasPrefix(option, "strict=") {
			return nil, bad // the driver panics on it
		}
	}
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, bad
	}
	return cfg, nil
}

// checkMySQL reports what is missing to connect with.
func checkMySQL(cfg *mysql.Config) error {
	if cfg.DBName == "" {
		return errors.New("the name of the database is missing")
	}
	switch cfg.Net {
	case "tcp":
		host, port, err := net.SplitHostPort(cfg.Addr)
		if err != nil || !isHost(host) || !isPort(port) {
			return errors.New("want a host name or an IP address, and a port from 1 to 65535")
		}
	case "unix":
		if !strings.HasPrefix(cfg.Addr, "/") {
			return errors.New("want the absolute path of the socket")
		}
	default:
		return errors.New("want tcp(host:port) or unix(path) as the address")
	}
	return nil
}

// joinAddr puts what a DSN left out into an address.
func joinAddr(host, port string) string {
	if host == "" {
		host = "localhost"
	}
	if port == "" {
		port = "3306"
	}
	return net.JoinHostPort(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"), port)
}
