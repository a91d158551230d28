package database

import (
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// IsDuplicate reports whether err is the refusal of a unique key.
func IsDuplicate(err error) bool {
	if n := mysqlNumber(err); n != 0 {
		return n == 1062
	}
	code := sqliteCode(err)
	return code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
}

// IsNoTable reports whether err means that a table is not there.
func IsNoTable(err error) bool {
	return mysqlNumber(err) == noSuchTable || sqliteCode(err) == sqlite3.SQLITE_ERROR && strings.Contains(err.Error(), "no such table")
}

// IsNoColumn reports whether err means that a column is not there.
func IsNoColumn(err error) bool {
	return mysqlNumber(err) == noSuchColumn || sqliteCode(err) == sqlite3.SQLITE_ERROR && strings.Contains(err.Error(), "no such column")
}

// IsUnavailable reports whether err means that the database cannot be used just
// now: it is down, unreachable, shutting down, read-only, full, does not let us
// in, or stayed busy for too long. Anything else is a mistake of ours, or the
// caller's context.
func IsUnavailable(err error) bool {
	if isConflict(err) {
		return true
	}
	if n := mysqlNumber(err); n != 0 {
		return mysqlUnavailable(n)
	}
	if code := sqliteCode(err); code != 0 {
		return sqliteUnavailable(code & 0xff)
	}
	for _, target := range []error{driver.ErrBadConn, mysql.ErrInvalidConn, errUnresponsive, ErrNoDatabase, io.ErrUnexpectedEOF} {
		if errors.Is(err, target) {
			return true
		}
	}
	// Not [net.Error], which the deadline of the caller's context is too.
	_, ok := errors.AsType[*net.OpError](err)
	return ok
}

// IsRefusal reports whether err means that a database is there and does not take us:
// a wrong password, no such database, missing rights, a file that is none or cannot be
// opened. [IsUnavailable] counts these too, since they can pass under a running
// service. At its start they are mistakes in its settings.
func IsRefusal(err error) bool {
	if n := mysqlNumber(err); n != 0 {
		return slices.Contains([]uint16{1044, 1045, 1049, 1130, 1698}, n)
	}
	return slices.Contains([]int{
		sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CORRUPT,
		sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB,
	}, sqliteCode(err)&0xff)
}

// isReadOnly reports whether a server refused a write because it takes none.
func isReadOnly(err error) bool {
	return slices.Contains([]uint16{1290, 1792, 1836}, mysqlNumber(err))
}

func mysqlUnavailable(number uint16) bool {
	return slices.Contains([]uint16{
		1021,                   // disk full
		1037, 1038, 1041, 1135, // out of memory or threads
		1040, 1203, 1226, // too many connections, of all or of this user
		1044, 1045, 1049, 1129, 1130, 1698, // no access, or no such database (yet)
		1053, 1077, 1078, 1079, // shutting down
		1114,                   // table full
		1158, 1159, 1160, 1161, // network
		1290, 1792, 1836, // read-only
		1317, 1927, 3169, // killed by an administrator
		4031, // disconnected for idleness
	}, number)
}

// sqliteUnavailable takes a primary result code.
func sqliteUnavailable(code int) bool {
	return slices.Contains([]int{
		sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY,
		sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FULL,
		sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOTADB,
	}, code)
}

// isConflict reports whether a transaction failed only because of another one,
// so that it can be run again: a deadlock, a lock that did not come free in
// time, a record that has changed meanwhile.
func isConflict(err error) bool {
	if n := mysqlNumber(err); n != 0 {
		return n == 1213 || n == 1205 || n == 1020
	}
	code := sqliteCode(err) & 0xff
	return code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_LOCKED
}

// mysqlNumber returns the number of a MySQL error, or 0.
func mysqlNumber(err error) uint16 {
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return e.Number
	}
	return 0
}

// sqliteCode returns the extended code of a SQLite error, or 0.
func sqliteCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()
	}
	return 0
}
