-- From version 6 to 7.
CREATE TABLE journal (
	id            INTEGER  PRIMARY KEY AUTOINCREMENT,
	process       TEXT     NOT NULL,
	number        INTEGER  NOT NULL,
	program       TEXT     NOT NULL DEFAULT '',
	kind          TEXT     NOT NULL,
	firstAt       DATETIME NOT NULL,
	lastAt        DATETIME NOT NULL,
	times         INTEGER  NOT NULL DEFAULT 1,
	request       TEXT     NOT NULL DEFAULT '',
	requests      TEXT     NOT NULL,
	sessionId     INTEGER  NOT NULL DEFAULT 0,
	containerHost TEXT     NOT NULL DEFAULT '',
	clientIp      TEXT     NOT NULL DEFAULT '',
	clientHash    TEXT     NOT NULL DEFAULT '',
	detail        TEXT     NOT NULL,
	UNIQUE (process, number)
);
CREATE INDEX journalFirstAt ON journal (firstAt);
CREATE INDEX journalRequest ON journal (request);
CREATE INDEX journalSessionId ON journal (sessionId);
CREATE INDEX journalClientIp ON journal (clientIp);
CREATE INDEX journalClientHash ON journal (clientHash);
INSERT INTO journal (process, number, kind, firstAt, lastAt, requests, detail) VALUES ('0123456789', 1, 'host-up', '2024-06-01 10:00:00', '2024-06-01 10:00:00', '', '{}');
INSERT INTO distributor_migrations (version_id, is_applied) VALUES (7, TRUE);
