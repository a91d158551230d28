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
