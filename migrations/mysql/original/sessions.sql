-- Engine, character set and collation are the server's and the database's own, as the
-- PHP program's migrations leave them.
CREATE TABLE sessions (
	id              INT UNSIGNED      NOT NULL AUTO_INCREMENT,
	clientIp        VARCHAR(39)       NOT NULL,
	clientUserAgent TEXT              NOT NULL,
	wrpContainerId  VARCHAR(64)       NULL,
	containerHost   TEXT              NULL,
	port            SMALLINT UNSIGNED NULL,
	started         DATETIME          NOT NULL DEFAULT NOW(),
	lastUsed        DATETIME          NULL,
	PRIMARY KEY (id),
	UNIQUE KEY id_UNIQUE (id),
	UNIQUE KEY wrpContainerId_UNIQUE (wrpContainerId),
	UNIQUE KEY containerHost_AND_port_UNIQUE (containerHost(255), port),
	UNIQUE KEY clientIp_AND_clientUserAgent_UNIQUE (clientIp, clientUserAgent(255))
);
