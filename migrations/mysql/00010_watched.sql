-- +goose Up
-- When the last pass of cleanup ended, whoever made it. There was none yet: from now on
-- one is missing.
SET @missing = (
	SELECT COUNT(*) = 0 FROM information_schema.COLUMNS
	WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'pool' AND COLUMN_NAME = 'cleanedAt');
SET @step = IF(@missing, 'ALTER TABLE pool ADD COLUMN cleanedAt DATETIME NULL', 'DO 0');
PREPARE step FROM @step;
EXECUTE step;
DEALLOCATE PREPARE step;
UPDATE pool SET cleanedAt = UTC_TIMESTAMP() WHERE cleanedAt IS NULL;
-- The dashboard counts entries of one kind.
SET @missing = (
	SELECT COUNT(*) = 0 FROM information_schema.STATISTICS
	WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'journal' AND INDEX_NAME = 'kind');
SET @step = IF(@missing, 'ALTER TABLE journal ADD KEY kind (kind, firstAt)', 'DO 0');
PREPARE step FROM @step;
EXECUTE step;
DEALLOCATE PREPARE step;
