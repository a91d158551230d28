-- +goose Up
-- Whose sessions are counted together: an account's, or those of one address. Empty: of
-- clients who have none, as replicas leave it that do not know of this.
SET @missing = (
	SELECT COUNT(*) = 0 FROM information_schema.COLUMNS
	WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'sessions' AND COLUMN_NAME = 'account');
SET @step = IF(@missing, '
	ALTER TABLE sessions
		ADD COLUMN account VARCHAR(64) NOT NULL DEFAULT '''',
		ADD INDEX account (account)', 'DO 0');
PREPARE step FROM @step;
EXECUTE step;
DEALLOCATE PREPARE step;
-- Why the last session of a client with an account ended, until the client has another.
CREATE TABLE IF NOT EXISTS endings (
	id       BIGINT      NOT NULL AUTO_INCREMENT PRIMARY KEY,
	identity BINARY(32)  NOT NULL,
	why      VARCHAR(64) NOT NULL,
	ended    DATETIME    NOT NULL,
	began    DATETIME    NOT NULL,
	lastUsed DATETIME    NOT NULL,
	UNIQUE KEY identity_UNIQUE (identity),
	KEY ended (ended)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- The names of such clients are longer than addresses.
ALTER TABLE journal MODIFY clientIp VARCHAR(128) NOT NULL DEFAULT '';
