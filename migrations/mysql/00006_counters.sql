-- +goose Up
-- How many rows of a host sessions has, so that a claim need not count them all. It is
-- empty at first, and wrong where a program that does not know of it changed rows: who
-- relies on a number compares it with the rows, and corrects it.
CREATE TABLE IF NOT EXISTS counters (
	containerHost VARCHAR(255) NOT NULL PRIMARY KEY,
	taken         INT          NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- What waits for a client, and what never had one, is found among thousands of sessions.
SET @missing = (
	SELECT COUNT(*) = 0 FROM information_schema.STATISTICS
	WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'sessions' AND INDEX_NAME = 'state');
SET @step = IF(@missing, '
	ALTER TABLE sessions
		ADD INDEX state (state, containerHost),
		ADD INDEX clientIp (clientIp)', 'DO 0');
PREPARE step FROM @step;
EXECUTE step;
DEALLOCATE PREPARE step;
