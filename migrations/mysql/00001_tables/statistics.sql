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
