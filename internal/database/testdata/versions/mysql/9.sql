-- From version 8 to 9.
CREATE TABLE statisticsHours (
	hour         DATETIME NOT NULL PRIMARY KEY,
	samples      INT      NOT NULL,
	sessions     BIGINT   NOT NULL,
	containers   BIGINT   NOT NULL,
	remaining    BIGINT   NOT NULL,
	hosts        BIGINT   NOT NULL,
	clients      BIGINT   NOT NULL,
	mostSessions INT      NOT NULL,
	mostClients  INT      NOT NULL,
	lastId       BIGINT   NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO distributor_migrations (version_id, is_applied) VALUES (9, TRUE);
