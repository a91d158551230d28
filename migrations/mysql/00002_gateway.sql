-- +goose Up
-- Whether a session's container is reached through a gateway only, and whether it
-- is frozen. MySQL cannot add a column only if it is missing, as it is not where a
-- process was killed before it could record this step.
SET @missing = (
	SELECT COUNT(*) = 0 FROM information_schema.COLUMNS
	WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'sessions' AND COLUMN_NAME = 'gateway');
SET @step = IF(@missing, '
	ALTER TABLE sessions
		ADD COLUMN gateway BOOLEAN NOT NULL DEFAULT FALSE,
		ADD COLUMN frozen  BOOLEAN NOT NULL DEFAULT FALSE', 'DO 0');
PREPARE step FROM @step;
EXECUTE step;
DEALLOCATE PREPARE step;
