-- +goose Up
-- What happened to sessions and hosts, for people. Each process writes its own, and
-- numbers it, so that an entry is found again to count what happened once more, and is
-- not written twice.
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
