-- +goose Up
-- While this is set, new sessions are refused, by all processes, with the reason.
SET @missing = (
	SELECT COUNT(*) = 0 FROM information_schema.COLUMNS
	WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'pool' AND COLUMN_NAME = 'pausedAt');
SET @step = IF(@missing, '
	ALTER TABLE pool
		ADD COLUMN pausedAt    DATETIME     NULL,
		ADD COLUMN pauseReason VARCHAR(255) NOT NULL DEFAULT ''''', 'DO 0');
PREPARE step FROM @step;
EXECUTE step;
DEALLOCATE PREPARE step;
