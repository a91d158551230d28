-- From version 5 to 6.
CREATE TABLE counters (
	containerHost TEXT    NOT NULL PRIMARY KEY,
	taken         INTEGER NOT NULL
);
CREATE INDEX state ON sessions (state, containerHost);
CREATE INDEX clientIp ON sessions (clientIp);
INSERT INTO counters (containerHost, taken) VALUES ('a.example', 1);
INSERT INTO distributor_migrations (version_id, is_applied) VALUES (6, TRUE);
