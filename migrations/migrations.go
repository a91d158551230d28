// Package migrations embeds the schema of every supported database.
//
// There is one folder per dialect. The first step is taken in Go (package
// database), since it may have to take over the tables of the original, PHP
// distributor; it makes what is in the folder tables. The original's tables are
// in the folder original, for the way back. Steps that have to look before they
// change something are in Go too.
//
// The other steps are goose files beside those folders, with an Up
// section only: the way back replaces all tables. MySQL commits each statement
// by itself and a step that was interrupted is run again from its start, so a
// step for MySQL has one statement, or several that can be repeated. Files are
// never edited after a release.
package migrations

import "embed"

// FS holds the folders mysql and sqlite.
//
//go:embed mysql sqlite
var FS embed.FS
