-- From version 13 to 14.
-- Whose ending it is, so that it goes with the account. Empty: as replicas leave it that do
-- not know of this.
SET @missing = (
	SELECT COUNT(*) = 0 FROM information_schema.COLUMNS
	WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'endings' AND COLUMN_NAME = 'account');
SET @step = IF(@missing, '
	ALTER TABLE endings
		ADD COLUMN account VARCHAR(64) NOT NULL DEFAULT '''',
		ADD INDEX account (account)', 'DO 0');
PREPARE step FROM @step;
EXECUTE step;
DEALLOCATE PREPARE step;
-- Tickets of accounts that were logged out, until they would be too old by themselves.
CREATE TABLE IF NOT EXISTS logouts (
	id      BIGINT      NOT NULL AUTO_INCREMENT PRIMARY KEY,
	account VARCHAR(32) NOT NULL,
	ticket  CHAR(64)    NOT NULL, -- a keyed hash of it
	ended   DATETIME    NOT NULL,
	UNIQUE KEY accountTicket (account, ticket),
	KEY ended (ended)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO distributor_migrations (version_id, is_applied) VALUES (14, TRUE);
