package database

// Epoch is an SQL expression for the seconds from 1970 to a time column.
func (db *DB) Epoch(column string) string {
	if db.isMySQL() {
		return "TIMESTAMPDIFF(SECOND, '1970-01-01', " + column + ")"
	}
	return "unixepoch(" + column + ")"
}

// Step is an SQL expression for the same, down to a multiple of a number of seconds, which
// its two placeholders are: a column is read once so, and years have many rows.
func (db *DB) Step(column string) string {
	if db.isMySQL() {
		return "(" + db.Epoch(column) + " DIV ? * ?)"
	}
	return "(" + db.Epoch(column) + " / ? * ?)"
}

// Hour is an SQL expression for the hour that a time began with, as [DB.Now] would write
// it.
func (db *DB) Hour(time string) string {
	if db.isMySQL() {
		return "DATE_FORMAT(" + time + ", '%Y-%m-%d %H:00:00')"
	}
	return "strftime('%Y-%m-%d %H:00:00', " + time + ")"
}

// Minute is the same for its minute.
func (db *DB) Minute(time string) string {
	if db.isMySQL() {
		return "DATE_FORMAT(" + time + ", '%Y-%m-%d %H:%i:00')"
	}
	return "strftime('%Y-%m-%d %H:%M:00', " + time + ")"
}
