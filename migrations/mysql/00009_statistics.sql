-- +goose Up
-- The rows of statistics by the hour, so that a page about years need not read a million
-- of them. Whatever is here can be computed again.
CREATE TABLE IF NOT EXISTS statisticsHours (
	hour         DATETIME NOT NULL PRIMARY KEY,
	samples      INT      NOT NULL, -- rows of statistics; what follows are their sums
	sessions     BIGINT   NOT NULL,
	containers   BIGINT   NOT NULL,
	remaining    BIGINT   NOT NULL,
	hosts        BIGINT   NOT NULL,
	clients      BIGINT   NOT NULL,
	mostSessions INT      NOT NULL,
	mostClients  INT      NOT NULL,
	lastId       BIGINT   NOT NULL  -- of the last of them
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
