-- From version 7 to 8.
ALTER TABLE pool ADD COLUMN pausedAt DATETIME NULL, ADD COLUMN pauseReason VARCHAR(255) NOT NULL DEFAULT '';
INSERT INTO distributor_migrations (version_id, is_applied) VALUES (8, TRUE);
