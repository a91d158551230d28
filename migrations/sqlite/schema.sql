-- The tables that all migrations together make. Nothing reads this: it is
-- written, and compared with databases old and new, by the tests of internal/database.

CREATE TABLE accounts (
	name TEXT NOT NULL PRIMARY KEY,
	passwordHash TEXT NOT NULL,
	disabled BOOLEAN NOT NULL DEFAULT FALSE,
	maxSessions INTEGER NOT NULL DEFAULT 2,
	created DATETIME NOT NULL,
	lastSeen DATETIME,
	note TEXT NOT NULL DEFAULT '',
	version INTEGER NOT NULL
);

CREATE TABLE counters (
	containerHost TEXT NOT NULL PRIMARY KEY,
	taken INTEGER NOT NULL
);

CREATE TABLE endings (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	identity BLOB NOT NULL UNIQUE,
	why TEXT NOT NULL,
	ended DATETIME NOT NULL,
	began DATETIME NOT NULL,
	lastUsed DATETIME NOT NULL,
	account TEXT NOT NULL DEFAULT ''
);

CREATE INDEX ended ON endings (ended);

CREATE INDEX endingsAccount ON endings (account);

CREATE TABLE hosts (
	containerHost TEXT NOT NULL PRIMARY KEY,
	drainedAt DATETIME NOT NULL,
	reason TEXT NOT NULL DEFAULT ''
);

CREATE TABLE journal (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	process TEXT NOT NULL,
	number INTEGER NOT NULL,
	program TEXT NOT NULL DEFAULT '',
	kind TEXT NOT NULL,
	firstAt DATETIME NOT NULL,
	lastAt DATETIME NOT NULL,
	times INTEGER NOT NULL DEFAULT 1,
	request TEXT NOT NULL DEFAULT '',
	requests TEXT NOT NULL,
	sessionId INTEGER NOT NULL DEFAULT 0,
	containerHost TEXT NOT NULL DEFAULT '',
	clientIp TEXT NOT NULL DEFAULT '',
	clientHash TEXT NOT NULL DEFAULT '',
	detail TEXT NOT NULL,
	UNIQUE (process, number)
);

CREATE INDEX journalClientHash ON journal (clientHash);

CREATE INDEX journalClientIp ON journal (clientIp);

CREATE INDEX journalFirstAt ON journal (firstAt);

CREATE INDEX journalKind ON journal (kind, firstAt);

CREATE INDEX journalRequest ON journal (request);

CREATE INDEX journalSessionId ON journal (sessionId);

CREATE TABLE journalSums (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	process TEXT NOT NULL,
	began DATETIME NOT NULL,
	warm INTEGER NOT NULL,
	refused INTEGER NOT NULL,
	waits TEXT NOT NULL,
	reasons TEXT NOT NULL,
	UNIQUE (process, began)
);

CREATE INDEX journalSumsBegan ON journalSums (began);

CREATE TABLE leases (
	name TEXT NOT NULL PRIMARY KEY,
	holder TEXT NOT NULL,
	expires DATETIME NOT NULL
);

CREATE TABLE logouts (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	account TEXT NOT NULL,
	ticket TEXT NOT NULL,
	ended DATETIME NOT NULL,
	UNIQUE (account, ticket)
);

CREATE INDEX logoutsEnded ON logouts (ended);

CREATE TABLE pool (
	id INTEGER PRIMARY KEY,
	databaseId TEXT NOT NULL,
	description TEXT,
	pausedAt DATETIME,
	pauseReason TEXT NOT NULL DEFAULT '',
	cleanedAt DATETIME
);

CREATE TABLE portalKeys (
	id INTEGER NOT NULL PRIMARY KEY,
	portalKey TEXT NOT NULL,
	created DATETIME NOT NULL
);

CREATE TABLE processes (
	id TEXT NOT NULL PRIMARY KEY,
	kind TEXT NOT NULL,
	version TEXT NOT NULL DEFAULT '',
	instance TEXT NOT NULL DEFAULT '',
	machine TEXT NOT NULL DEFAULT '',
	started DATETIME NOT NULL,
	seen DATETIME NOT NULL,
	steady DATETIME NOT NULL,
	stopped DATETIME,
	gatewayAddress TEXT NOT NULL DEFAULT '',
	gatewayTLSAddress TEXT NOT NULL DEFAULT '',
	pool TEXT,
	sums BOOLEAN NOT NULL DEFAULT FALSE
);

CREATE TABLE sessions (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	clientIp TEXT NOT NULL DEFAULT '',
	clientUserAgent TEXT NOT NULL DEFAULT '',
	identity BLOB UNIQUE,
	wrpContainerId TEXT UNIQUE,
	containerHost TEXT NOT NULL,
	slot INTEGER NOT NULL,
	port INTEGER NOT NULL,
	token TEXT UNIQUE,
	nonce TEXT,
	tls BOOLEAN NOT NULL DEFAULT FALSE,
	state TEXT NOT NULL,
	started DATETIME NOT NULL,
	lastUsed DATETIME,
	gateway BOOLEAN NOT NULL DEFAULT FALSE,
	frozen BOOLEAN NOT NULL DEFAULT FALSE,
	settings TEXT NOT NULL DEFAULT '',
	account TEXT NOT NULL DEFAULT '',
	UNIQUE (containerHost, slot),
	UNIQUE (containerHost, port)
);

CREATE INDEX account ON sessions (account);

CREATE INDEX clientIp ON sessions (clientIp);

CREATE INDEX state ON sessions (state, containerHost);

CREATE TABLE statistics (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	activeSessions INTEGER NOT NULL,
	containersRunningTotal INTEGER NOT NULL,
	remainingContainersTotal INTEGER NOT NULL,
	containerHostsAvailable INTEGER NOT NULL,
	containersInUsePerHost TEXT NOT NULL,
	timeOfCapture DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
	uniqueClientIps INTEGER NOT NULL
);

CREATE INDEX timeOfCapture ON statistics (timeOfCapture DESC);

CREATE TABLE statisticsHours (
	hour DATETIME NOT NULL PRIMARY KEY,
	samples INTEGER NOT NULL,
	sessions INTEGER NOT NULL,
	containers INTEGER NOT NULL,
	remaining INTEGER NOT NULL,
	hosts INTEGER NOT NULL,
	clients INTEGER NOT NULL,
	mostSessions INTEGER NOT NULL,
	mostClients INTEGER NOT NULL,
	lastId INTEGER NOT NULL
);
