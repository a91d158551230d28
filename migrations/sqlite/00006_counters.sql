-- +goose Up
-- How many rows of a host sessions has, so that a claim need not count them all. It is
-- empty at first, and wrong where a program that does not know of it changed rows: who
-- relies on a number compares it with the rows, and corrects it.
CREATE TABLE counters (
	containerHost TEXT    NOT NULL PRIMARY KEY,
	taken         INTEGER NOT NULL
);
-- What waits for a client, and what never had one, is found among thousands of sessions.
CREATE INDEX state ON sessions (state, containerHost);
CREATE INDEX clientIp ON sessions (clientIp);
