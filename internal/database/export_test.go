package database

import "time"

// SetLockWait shortens the wait for another process that migrates.
func (db *DB) SetLockWait(d time.Duration) { db.lockWait = d }

// LockFile is what keeps processes from migrating a SQLite file together.
var LockFile = lockFile
