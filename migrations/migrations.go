// Package migrations embeds the schema of every supported database: one folder
// per dialect has every statement that makes or changes a table.
//
// Step 1 is taken by package database, since it may have to take over the tables
// of the original, PHP distributor; its tables are in 00001_tables, and those of
// the original, for the way back, in original. All other steps are goose files
// with an Up section only: the way back replaces all tables.
//
// MySQL commits each statement by itself, and a step that was interrupted is run
// again from its start, so a step for MySQL has one statement, or several that can
// be repeated. Files are never edited after a release. What all of them make
// together is in schema.sql, which the tests of package database write and check.
package migrations

import "embed"

// FS holds the folders mysql and sqlite, without schema.sql.
//
//go:embed mysql/0* mysql/original sqlite/0*
var FS embed.FS
