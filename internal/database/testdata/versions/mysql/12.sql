-- From version 11 to 12.
ALTER TABLE sessions ADD COLUMN account VARCHAR(64) NOT NULL DEFAULT '', ADD INDEX account (account);
CREATE TABLE endings (
	id       BIGINT      NOT NULL AUTO_INCREMENT PRIMARY KEY,
	identity BINARY(32)  NOT NULL,
	why      VARCHAR(64) NOT NULL,
	ended    DATETIME    NOT NULL,
	began    DATETIME    NOT NULL,
	lastUsed DATETIME    NOT NULL,
	UNIQUE KEY identity_UNIQUE (identity),
	KEY ended (ended)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
ALTER TABLE journal MODIFY clientIp VARCHAR(128) NOT NULL DEFAULT '';
INSERT INTO distributor_migrations (version_id, is_applied) VALUES (12, TRUE);
