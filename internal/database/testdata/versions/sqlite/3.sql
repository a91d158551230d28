-- From version 2 to 3.
CREATE TABLE leases (
	name    TEXT     NOT NULL PRIMARY KEY,
	holder  TEXT     NOT NULL,
	expires DATETIME NOT NULL
);
INSERT INTO distributor_migrations (version_id, is_applied) VALUES (3, TRUE);
