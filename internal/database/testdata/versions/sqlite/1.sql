-- A database of version 1, as the program of that time made it. Such databases
-- exist: what stands here never changes, whatever becomes of the migrations.
CREATE TABLE distributor_migrations (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	version_id INTEGER NOT NULL,
	is_applied INTEGER NOT NULL,
	tstamp     TIMESTAMP DEFAULT (datetime('now'))
);
CREATE TABLE hosts (
	containerHost TEXT     NOT NULL PRIMARY KEY,
	drainedAt     DATETIME NOT NULL,
	reason        TEXT     NOT NULL DEFAULT ''
);
CREATE TABLE pool (
	id          INTEGER PRIMARY KEY, -- always 1
	databaseId  TEXT NOT NULL,       -- random; the label of our containers
	description TEXT                 -- of the hosts, limits and ports that a distributor last worked with
);
CREATE TABLE sessions (
	id              INTEGER  PRIMARY KEY AUTOINCREMENT, -- never used twice
	clientIp        TEXT     NOT NULL DEFAULT '',
	clientUserAgent TEXT     NOT NULL DEFAULT '',
	identity        BLOB     UNIQUE,                    -- hash of both; NULL: nobody's
	wrpContainerId  TEXT     UNIQUE,
	containerHost   TEXT     NOT NULL,
	slot            INTEGER  NOT NULL,
	port            INTEGER  NOT NULL,
	token           TEXT     UNIQUE,
	nonce           TEXT,
	tls             BOOLEAN  NOT NULL DEFAULT FALSE,
	state           TEXT     NOT NULL,
	started         DATETIME NOT NULL,
	lastUsed        DATETIME,
	UNIQUE (containerHost, slot),
	UNIQUE (containerHost, port)
);
CREATE TABLE statistics (
	id                       INTEGER  PRIMARY KEY AUTOINCREMENT,
	activeSessions           INTEGER  NOT NULL,
	containersRunningTotal   INTEGER  NOT NULL,
	remainingContainersTotal INTEGER  NOT NULL,
	containerHostsAvailable  INTEGER  NOT NULL,
	containersInUsePerHost   TEXT     NOT NULL,
	timeOfCapture            DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
	uniqueClientIps          INTEGER  NOT NULL
);
CREATE INDEX timeOfCapture ON statistics (timeOfCapture DESC);
INSERT INTO distributor_migrations (version_id, is_applied) VALUES (0, TRUE), (1, TRUE);
INSERT INTO pool (id, databaseId) VALUES (1, '0123456789abcdef0123456789abcdef');
INSERT INTO hosts (containerHost, drainedAt, reason) VALUES ('b.example', '2024-06-01 10:00:00', 'fan broken');
INSERT INTO sessions (id, clientIp, clientUserAgent, identity, wrpContainerId, containerHost, slot, port, token, nonce, tls, state, started, lastUsed) VALUES
	(7, '192.0.2.1', 'AmiFox/1', CAST('iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii' AS BLOB), 'c7', 'a.example', 2, 9092, 'token7', 'nonce7', TRUE, 'running', '2024-06-01 10:00:00', '2024-06-01 11:00:00');
INSERT INTO statistics VALUES (3, 1, 2, 3, 4, '{}', '2024-06-01 10:00:00', 5);
