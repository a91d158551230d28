-- +goose Up
-- While this is set, new sessions are refused, by all processes, with the reason.
ALTER TABLE pool ADD COLUMN pausedAt DATETIME;
ALTER TABLE pool ADD COLUMN pauseReason TEXT NOT NULL DEFAULT '';
