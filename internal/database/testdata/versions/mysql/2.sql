-- From version 1 to 2.
ALTER TABLE sessions ADD COLUMN gateway BOOLEAN NOT NULL DEFAULT FALSE, ADD COLUMN frozen BOOLEAN NOT NULL DEFAULT FALSE;
INSERT INTO distributor_migrations (version_id, is_applied) VALUES (2, TRUE);
