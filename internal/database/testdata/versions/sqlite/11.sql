-- From version 10 to 11.
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
CREATE TABLE portalKeys (
	id        INTEGER  NOT NULL PRIMARY KEY,
	portalKey TEXT     NOT NULL,
	created   DATETIME NOT NULL
);
INSERT INTO distributor_migrations (version_id, is_applied) VALUES (11, TRUE);
