-- +goose Up
-- A job that one process at a time should do belongs to whoever has its row.
CREATE TABLE leases (
	name    TEXT     NOT NULL PRIMARY KEY,
	holder  TEXT     NOT NULL,
	expires DATETIME NOT NULL
);
