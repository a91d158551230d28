-- From version 4 to 5.
ALTER TABLE sessions ADD COLUMN settings TEXT NOT NULL DEFAULT '';
INSERT INTO distributor_migrations (version_id, is_applied) VALUES (5, TRUE);
