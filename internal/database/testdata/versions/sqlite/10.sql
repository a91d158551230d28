-- From version 9 to 10.
ALTER TABLE pool ADD COLUMN cleanedAt DATETIME;
CREATE INDEX journalKind ON journal (kind, firstAt);
INSERT INTO distributor_migrations (version_id, is_applied) VALUES (10, TRUE);
