-- From version 12 to 13.
-- What the dashboard counts of the journal, so that it need not read a day of entries:
-- of each process and five minutes a row, written in the transactions of its entries.
CREATE TABLE IF NOT EXISTS journalSums (
	id      BIGINT      NOT NULL AUTO_INCREMENT PRIMARY KEY,
	process VARCHAR(32) NOT NULL,
	began   DATETIME    NOT NULL, -- the five minutes
	warm    INT         NOT NULL, -- starts with a container that had waited
	refused INT         NOT NULL, -- times that clients were
	waits   TEXT        NOT NULL, -- of starts: milliseconds, as rounded, and how many took those
	reasons MEDIUMTEXT  NOT NULL, -- of refusals, and how often, as JSON
	UNIQUE KEY processBegan (process, began),
	KEY began (began)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- The entries of a process that does not say this are counted one by one.
SET @missing = (
	SELECT COUNT(*) = 0 FROM information_schema.COLUMNS
	WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'processes' AND COLUMN_NAME = 'sums');
SET @step = IF(@missing, 'ALTER TABLE processes ADD COLUMN sums BOOLEAN NOT NULL DEFAULT FALSE', 'DO 0');
PREPARE step FROM @step;
EXECUTE step;
DEALLOCATE PREPARE step;
INSERT INTO distributor_migrations (version_id, is_applied) VALUES (13, TRUE);
