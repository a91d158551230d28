-- A database of version 1, as the program of that time made it. Such databases
-- exist: what stands here never changes, whatever becomes of the migrations.
CREATE TABLE distributor_migrations (
	id         bigint(20) unsigned NOT NULL AUTO_INCREMENT,
	version_id bigint NOT NULL,
	is_applied boolean NOT NULL,
	tstamp     datetime NULL default CURRENT_TIMESTAMP,
	PRIMARY KEY (id)
);
CREATE TABLE hosts (
	containerHost VARCHAR(255) NOT NULL PRIMARY KEY,
	drainedAt     DATETIME     NOT NULL,
	reason        VARCHAR(255) NOT NULL DEFAULT ''
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE pool (
	id          TINYINT UNSIGNED NOT NULL PRIMARY KEY, -- always 1
	databaseId  CHAR(32)         NOT NULL,             -- random; the label of our containers
	description TEXT             NULL                  -- of the hosts, limits and ports that a distributor last worked with
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE sessions (
	id              INT UNSIGNED      NOT NULL AUTO_INCREMENT PRIMARY KEY,
	clientIp        VARCHAR(45)       NOT NULL DEFAULT '',
	clientUserAgent TEXT              NOT NULL DEFAULT (''),
	identity        BINARY(32)        NULL,               -- hash of both; NULL: nobody's
	wrpContainerId  VARCHAR(64)       NULL,
	containerHost   VARCHAR(255)      NOT NULL,
	slot            SMALLINT UNSIGNED NOT NULL,
	port            SMALLINT UNSIGNED NOT NULL,
	token           VARCHAR(64)       NULL,               -- NULL: taken over, not known
	nonce           CHAR(32)          NULL,
	tls             BOOLEAN           NOT NULL DEFAULT FALSE,
	state           VARCHAR(16)       NOT NULL,
	started         DATETIME          NOT NULL,
	lastUsed        DATETIME          NULL,
	UNIQUE KEY containerHost_AND_slot_UNIQUE (containerHost, slot),
	UNIQUE KEY containerHost_AND_port_UNIQUE (containerHost, port),
	UNIQUE KEY identity_UNIQUE (identity),
	UNIQUE KEY token_UNIQUE (token),
	UNIQUE KEY wrpContainerId_UNIQUE (wrpContainerId)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE statistics (
	id                       INT UNSIGNED      NOT NULL AUTO_INCREMENT PRIMARY KEY,
	activeSessions           SMALLINT UNSIGNED NOT NULL,
	containersRunningTotal   SMALLINT UNSIGNED NOT NULL,
	remainingContainersTotal SMALLINT UNSIGNED NOT NULL,
	containerHostsAvailable  SMALLINT UNSIGNED NOT NULL,
	containersInUsePerHost   TEXT              NOT NULL,
	timeOfCapture            DATETIME          NOT NULL DEFAULT CURRENT_TIMESTAMP,
	uniqueClientIps          SMALLINT UNSIGNED NOT NULL,
	KEY timeOfCapture (timeOfCapture DESC)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO distributor_migrations (version_id, is_applied) VALUES (0, TRUE), (1, TRUE);
INSERT INTO pool (id, databaseId) VALUES (1, '0123456789abcdef0123456789abcdef');
INSERT INTO hosts (containerHost, drainedAt, reason) VALUES ('b.example', '2024-06-01 10:00:00', 'fan broken');
INSERT INTO sessions (id, clientIp, clientUserAgent, identity, wrpContainerId, containerHost, slot, port, token, nonce, tls, state, started, lastUsed) VALUES
	(7, '192.0.2.1', 'AmiFox/1', REPEAT('i', 32), 'c7', 'a.example', 2, 9092, 'token7', 'nonce7', TRUE, 'running', '2024-06-01 10:00:00', '2024-06-01 11:00:00');
INSERT INTO statistics VALUES (3, 1, 2, 3, 4, '{}', '2024-06-01 10:00:00', 5);
