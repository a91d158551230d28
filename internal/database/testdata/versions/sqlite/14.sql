-- From version 13 to 14.
-- Whose ending it is, so that it goes with the account. Empty: as replicas leave it that do
-- not know of this.
ALTER TABLE endings ADD COLUMN account TEXT NOT NULL DEFAULT '';
CREATE INDEX endingsAccount ON endings (account);
INSERT INTO distributor_migrations (version_id, is_applied) VALUES (14, TRUE);
