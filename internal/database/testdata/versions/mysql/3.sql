-- From version 2 to 3.
CREATE TABLE IF NOT EXISTS leases (
	name    VARCHAR(64) NOT NULL PRIMARY KEY,
	holder  CHAR(32)    NOT NULL,
	expires DATETIME    NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO distributor_migrations (version_id, is_applied) VALUES (3, TRUE);
