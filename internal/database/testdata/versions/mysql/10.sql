-- From version 9 to 10.
ALTER TABLE pool ADD COLUMN cleanedAt DATETIME NULL;
ALTER TABLE journal ADD KEY kind (kind, firstAt);
INSERT INTO distributor_migrations (version_id, is_applied) VALUES (10, TRUE);
