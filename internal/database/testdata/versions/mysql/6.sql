-- From version 5 to 6.
CREATE TABLE counters (
	containerHost VARCHAR(255) NOT NULL PRIMARY KEY,
	taken         INT          NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
ALTER TABLE sessions ADD INDEX state (state, containerHost), ADD INDEX clientIp (clientIp);
INSERT INTO counters (containerHost, taken) VALUES ('a.example', 1);
INSERT INTO distributor_migrations (version_id, is_applied) VALUES (6, TRUE);
