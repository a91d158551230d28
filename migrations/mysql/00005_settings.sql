-- +goose Up
-- What a container that waits for a client was made with. It is empty where a program
-- that does not know of it inserted the row.
SET @missing = (
	SELECT COUNT(*) = 0 FROM information_schema.COLUMNS
	WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'sessions' AND COLUMN_NAME = 'settings');
SET @step = IF(@missing, '
	ALTER TABLE sessions
		ADD COLUMN settings CHAR(64) NOT NULL DEFAULT ''''', 'DO 0');
PREPARE step FROM @step;
EXECUTE step;
DEALLOCATE PREPARE step;
