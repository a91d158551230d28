-- +goose Up
-- Whose ending it is, so that it goes with the account. Empty: as replicas leave it that do
-- not know of this.
ALTER TABLE endings ADD COLUMN account TEXT NOT NULL DEFAULT '';
CREATE INDEX endingsAccount ON endings (account);
-- Tickets of accounts that were logged out, until they would be too old by themselves.
CREATE TABLE logouts (
	id      INTEGER  PRIMARY KEY AUTOINCREMENT,
	account TEXT     NOT NULL,
	ticket  TEXT     NOT NULL, -- a keyed hash of it
	ended   DATETIME NOT NULL,
	UNIQUE (account, ticket)
);
CREATE INDEX logoutsEnded ON logouts (ended);
