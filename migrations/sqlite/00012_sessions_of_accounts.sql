-- +goose Up
-- Whose sessions are counted together: an account's, or those of one address. Empty: of
-- clients who have none, as replicas leave it that do not know of this.
ALTER TABLE sessions ADD COLUMN account TEXT NOT NULL DEFAULT '';
CREATE INDEX account ON sessions (account);
-- Why the last session of a client with an account ended, until the client has another.
CREATE TABLE endings (
	id       INTEGER  PRIMARY KEY AUTOINCREMENT,
	identity BLOB     NOT NULL UNIQUE,
	why      TEXT     NOT NULL,
	ended    DATETIME NOT NULL,
	began    DATETIME NOT NULL,
	lastUsed DATETIME NOT NULL
);
CREATE INDEX ended ON endings (ended);
