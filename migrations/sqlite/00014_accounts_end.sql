-- +goose Up
-- Whose ending it is, so that it goes with the account. Empty: as replicas leave it that do
-- not know of this.
ALTER TABLE endings ADD COLUMN account TEXT NOT NULL DEFAULT '';
CREATE INDEX endingsAccount ON endings (account);
