-- A row is a claimed slot. Times are text, YYYY-MM-DD HH:MM:SS in UTC.
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
