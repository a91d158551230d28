-- +goose Up
-- Who may come in by name and password. Version is another after each change that ends
-- what was known of the account before: the password, disabled.
CREATE TABLE accounts (
	name         TEXT     NOT NULL PRIMARY KEY,
	passwordHash TEXT     NOT NULL,
	disabled     BOOLEAN  NOT NULL DEFAULT FALSE,
	maxSessions  INTEGER  NOT NULL DEFAULT 2,
	created      DATETIME NOT NULL,
	lastSeen     DATETIME,
	note         TEXT     NOT NULL DEFAULT '',
	version      INTEGER  NOT NULL
);

-- What tickets and forms are signed with, by all processes. Its one row, 1, is made by
-- the first that needs it.
CREATE TABLE portalKeys (
	id        INTEGER  NOT NULL PRIMARY KEY,
	portalKey TEXT     NOT NULL,
	created   DATETIME NOT NULL
);
