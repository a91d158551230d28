-- +goose Up
-- A job that one process at a time should do belongs to whoever has its row.
CREATE TABLE IF NOT EXISTS leases (
	name    VARCHAR(64) NOT NULL PRIMARY KEY,
	holder  CHAR(32)    NOT NULL,
	expires DATETIME    NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
