-- +goose Up
-- The rows of statistics by the hour, so that a page about years need not read a million
-- of them. Whatever is here can be computed again.
CREATE TABLE statisticsHours (
	hour         DATETIME NOT NULL PRIMARY KEY,
	samples      INTEGER  NOT NULL, -- rows of statistics; what follows are their sums
	sessions     INTEGER  NOT NULL,
	containers   INTEGER  NOT NULL,
	remaining    INTEGER  NOT NULL,
	hosts        INTEGER  NOT NULL,
	clients      INTEGER  NOT NULL,
	mostSessions INTEGER  NOT NULL,
	mostClients  INTEGER  NOT NULL,
	lastId       INTEGER  NOT NULL  -- of the last of them
);
