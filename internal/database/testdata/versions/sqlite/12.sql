-- From version 11 to 12.
ALTER TABLE sessions ADD COLUMN account TEXT NOT NULL DEFAULT '';
CREATE INDEX account ON sessions (account);
CREATE TABLE endings (
	id       INTEGER  PRIMARY KEY AUTOINCREMENT,
	identity BLOB     NOT NULL UNIQUE,
	why      TEXT     NOT NULL,
	ended    DATETIME NOT NULL,
	began    DATETIME NOT NULL,
	lastUsed DATETIME NOT NULL
);
CREATE INDEX ended ON endings (ended);
INSERT INTO distributor_migrations (version_id, is_applied) VALUES (12, TRUE);
