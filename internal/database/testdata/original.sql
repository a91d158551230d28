-- The tables as the PHP distributor's last release leaves them.
CREATE TABLE doctrine_migration_versions (
	version        VARCHAR(191) NOT NULL PRIMARY KEY,
	executed_at    DATETIME     NULL,
	execution_time INT          NULL
);
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
	UNIQUE INDEX id_UNIQUE (id ASC) VISIBLE,
	UNIQUE INDEX wrpContainerId_UNIQUE (wrpContainerId ASC) VISIBLE,
	UNIQUE INDEX containerHost_AND_port_UNIQUE (containerHost(255) ASC, port ASC) VISIBLE,
	UNIQUE INDEX clientIp_AND_clientUserAgent_UNIQUE (clientIp ASC, clientUserAgent(255) ASC) VISIBLE
);
CREATE TABLE statistics (
	id                       INT UNSIGNED      NOT NULL AUTO_INCREMENT PRIMARY KEY,
	activeSessions           SMALLINT UNSIGNED NOT NULL,
	containersRunningTotal   SMALLINT UNSIGNED NOT NULL,
	remainingContainersTotal SMALLINT UNSIGNED NOT NULL,
	containerHostsAvailable  SMALLINT UNSIGNED NOT NULL,
	containersInUsePerHost   TEXT              NOT NULL,
	timeOfCapture            DATETIME          NOT NULL DEFAULT NOW(),
	INDEX timeOfCapture_INDEX (timeOfCapture DESC) VISIBLE
);
ALTER TABLE statistics ADD COLUMN uniqueClientIps SMALLINT UNSIGNED NOT NULL;
