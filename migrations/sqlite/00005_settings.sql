-- +goose Up
-- What a container that waits for a client was made with. It is empty where a program
-- that does not know of it inserted the row.
ALTER TABLE sessions ADD COLUMN settings TEXT NOT NULL DEFAULT '';
