-- From version 8 to 9.
CREATE TABLE statisticsHours (
	hour         DATETIME NOT NULL PRIMARY KEY,
	samples      INTEGER  NOT NULL,
	sessions     INTEGER  NOT NULL,
	containers   INTEGER  NOT NULL,
	remaining    INTEGER  NOT NULL,
	hosts        INTEGER  NOT NULL,
	clients      INTEGER  NOT NULL,
	mostSessions INTEGER  NOT NULL,
	mostClients  INTEGER  NOT NULL,
	lastId       INTEGER  NOT NULL
);
INSERT INTO distributor_migrations (version_id, is_applied) VALUES (9, TRUE);
