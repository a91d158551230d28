-- A row is a claimed slot. Everything is compared byte by byte, as SQLite does it.
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
