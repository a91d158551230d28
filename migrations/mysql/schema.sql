-- The tables that all migrations together make. Nothing reads this: it is
-- written, and compared with databases old and new, by the tests of internal/database.

CREATE TABLE accounts (
	name varchar(32) NOT NULL,
	passwordHash varchar(72) NOT NULL,
	disabled boolean NOT NULL DEFAULT 0,
	maxSessions int NOT NULL DEFAULT 2,
	created datetime NOT NULL,
	lastSeen datetime,
	note varchar(255) NOT NULL DEFAULT '',
	version bigint NOT NULL,
	PRIMARY KEY (name)
) ENGINE=InnoDB COLLATE=utf8mb4_bin;

CREATE TABLE counters (
	containerHost varchar(255) NOT NULL,
	taken int NOT NULL,
	PRIMARY KEY (containerHost)
) ENGINE=InnoDB COLLATE=utf8mb4_bin;

CREATE TABLE endings (
	id bigint NOT NULL AUTO_INCREMENT,
	identity binary(32) NOT NULL,
	why varchar(64) NOT NULL,
	ended datetime NOT NULL,
	began datetime NOT NULL,
	lastUsed datetime NOT NULL,
	account varchar(64) NOT NULL DEFAULT '',
	PRIMARY KEY (id),
	UNIQUE KEY identity_UNIQUE (identity),
	KEY account (account),
	KEY ended (ended)
) ENGINE=InnoDB COLLATE=utf8mb4_bin;

CREATE TABLE hosts (
	containerHost varchar(255) NOT NULL,
	drainedAt datetime NOT NULL,
	reason varchar(255) NOT NULL DEFAULT '',
	PRIMARY KEY (containerHost)
) ENGINE=InnoDB COLLATE=utf8mb4_bin;

CREATE TABLE journal (
	id bigint NOT NULL AUTO_INCREMENT,
	process varchar(32) NOT NULL,
	number bigint NOT NULL,
	program varchar(16) NOT NULL DEFAULT '',
	kind varchar(16) NOT NULL,
	firstAt datetime(3) NOT NULL,
	lastAt datetime(3) NOT NULL,
	times int NOT NULL DEFAULT 1,
	request varchar(16) NOT NULL DEFAULT '',
	requests text NOT NULL,
	sessionId bigint NOT NULL DEFAULT 0,
	containerHost varchar(255) NOT NULL DEFAULT '',
	clientIp varchar(128) NOT NULL DEFAULT '',
	clientHash varchar(8) NOT NULL DEFAULT '',
	detail text NOT NULL,
	PRIMARY KEY (id),
	UNIQUE KEY processNumber (process, number),
	KEY clientHash (clientHash),
	KEY clientIp (clientIp),
	KEY firstAt (firstAt),
	KEY kind (kind, firstAt),
	KEY request (request),
	KEY sessionId (sessionId)
) ENGINE=InnoDB COLLATE=utf8mb4_bin;

CREATE TABLE journalSums (
	id bigint NOT NULL AUTO_INCREMENT,
	process varchar(32) NOT NULL,
	began datetime NOT NULL,
	warm int NOT NULL,
	refused int NOT NULL,
	waits text NOT NULL,
	reasons mediumtext NOT NULL,
	PRIMARY KEY (id),
	UNIQUE KEY processBegan (process, began),
	KEY began (began)
) ENGINE=InnoDB COLLATE=utf8mb4_bin;

CREATE TABLE leases (
	name varchar(64) NOT NULL,
	holder char(32) NOT NULL,
	expires datetime NOT NULL,
	PRIMARY KEY (name)
) ENGINE=InnoDB COLLATE=utf8mb4_bin;

CREATE TABLE logouts (
	id bigint NOT NULL AUTO_INCREMENT,
	account varchar(32) NOT NULL,
	ticket char(64) NOT NULL,
	ended datetime NOT NULL,
	PRIMARY KEY (id),
	UNIQUE KEY accountTicket (account, ticket),
	KEY ended (ended)
) ENGINE=InnoDB COLLATE=utf8mb4_bin;

CREATE TABLE pool (
	id tinyint unsigned NOT NULL,
	databaseId char(32) NOT NULL,
	description text,
	pausedAt datetime,
	pauseReason varchar(255) NOT NULL DEFAULT '',
	cleanedAt datetime,
	PRIMARY KEY (id)
) ENGINE=InnoDB COLLATE=utf8mb4_bin;

CREATE TABLE portalKeys (
	id int NOT NULL,
	portalKey char(64) NOT NULL,
	created datetime NOT NULL,
	PRIMARY KEY (id)
) ENGINE=InnoDB COLLATE=utf8mb4_bin;

CREATE TABLE processes (
	id char(32) NOT NULL,
	kind varchar(16) NOT NULL,
	version varchar(255) NOT NULL DEFAULT '',
	instance varchar(255) NOT NULL DEFAULT '',
	machine varchar(255) NOT NULL DEFAULT '',
	started datetime NOT NULL,
	seen datetime NOT NULL,
	steady datetime NOT NULL,
	stopped datetime,
	gatewayAddress varchar(255) NOT NULL DEFAULT '',
	gatewayTLSAddress varchar(255) NOT NULL DEFAULT '',
	pool text,
	sums boolean NOT NULL DEFAULT 0,
	PRIMARY KEY (id)
) ENGINE=InnoDB COLLATE=utf8mb4_bin;

CREATE TABLE sessions (
	id int unsigned NOT NULL AUTO_INCREMENT,
	clientIp varchar(45) NOT NULL DEFAULT '',
	clientUserAgent text NOT NULL DEFAULT (''),
	identity binary(32),
	wrpContainerId varchar(64),
	containerHost varchar(255) NOT NULL,
	slot smallint unsigned NOT NULL,
	port smallint unsigned NOT NULL,
	token varchar(64),
	nonce char(32),
	tls boolean NOT NULL DEFAULT 0,
	state varchar(16) NOT NULL,
	started datetime NOT NULL,
	lastUsed datetime,
	gateway boolean NOT NULL DEFAULT 0,
	frozen boolean NOT NULL DEFAULT 0,
	settings char(64) NOT NULL DEFAULT '',
	account varchar(64) NOT NULL DEFAULT '',
	PRIMARY KEY (id),
	UNIQUE KEY containerHost_AND_port_UNIQUE (containerHost, port),
	UNIQUE KEY containerHost_AND_slot_UNIQUE (containerHost, slot),
	UNIQUE KEY identity_UNIQUE (identity),
	UNIQUE KEY token_UNIQUE (token),
	UNIQUE KEY wrpContainerId_UNIQUE (wrpContainerId),
	KEY account (account),
	KEY clientIp (clientIp),
	KEY state (state, containerHost)
) ENGINE=InnoDB COLLATE=utf8mb4_bin;

CREATE TABLE statistics (
	id int unsigned NOT NULL AUTO_INCREMENT,
	activeSessions smallint unsigned NOT NULL,
	containersRunningTotal smallint unsigned NOT NULL,
	remainingContainersTotal smallint unsigned NOT NULL,
	containerHostsAvailable smallint unsigned NOT NULL,
	containersInUsePerHost text NOT NULL,
	timeOfCapture datetime NOT NULL DEFAULT CURRENT_TIMESTAMP,
	uniqueClientIps smallint unsigned NOT NULL,
	PRIMARY KEY (id),
	KEY timeOfCapture (timeOfCapture DESC)
) ENGINE=InnoDB COLLATE=utf8mb4_bin;

CREATE TABLE statisticsHours (
	hour datetime NOT NULL,
	samples int NOT NULL,
	sessions bigint NOT NULL,
	containers bigint NOT NULL,
	remaining bigint NOT NULL,
	hosts bigint NOT NULL,
	clients bigint NOT NULL,
	mostSessions int NOT NULL,
	mostClients int NOT NULL,
	lastId bigint NOT NULL,
	PRIMARY KEY (hour)
) ENGINE=InnoDB COLLATE=utf8mb4_bin;
