-- +goose Up
-- When the last pass of cleanup ended, whoever made it. There was none yet: from now on
-- one is missing.
ALTER TABLE pool ADD COLUMN cleanedAt DATETIME;
UPDATE pool SET cleanedAt = CURRENT_TIMESTAMP;
-- The dashboard counts entries of one kind.
CREATE INDEX journalKind ON journal (kind, firstAt);
