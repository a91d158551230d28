package database

// Field is an SQL expression for a field of the JSON in a column, as text or as a number;
// NULL, if it has none of that name.
func (db *DB) Field(column, name string) string {
	field := "JSON_EXTRACT(" + column + ", '$." + name + "')"
	if db.isMySQL() {
		return "JSON_UNQUOTE(" + field + ")"
	}
	return field
}
