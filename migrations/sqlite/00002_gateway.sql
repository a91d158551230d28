-- +goose Up
-- Whether a session's container is reached through a gateway only, and whether it
-- is frozen.
ALTER TABLE sessions ADD COLUMN gateway BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE sessions ADD COLUMN frozen  BOOLEAN NOT NULL DEFAULT FALSE;
