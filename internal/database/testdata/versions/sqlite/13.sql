-- From version 12 to 13.
-- What the dashboard counts of the journal, so that it need not read a day of entries:
-- of each process and five minutes a row, written in the transactions of its entries.
CREATE TABLE journalSums (
	id      INTEGER  PRIMARY KEY AUTOINCREMENT,
	process TEXT     NOT NULL,
	began   DATETIME NOT NULL, -- the five minutes
	warm    INTEGER  NOT NULL, -- starts with a container that had waited
	refused INTEGER  NOT NULL, -- times that clients were
	waits   TEXT     NOT NULL, -- of starts: milliseconds, as rounded, and how many took those
	reasons TEXT     NOT NULL, -- of refusals, and how often, as JSON
	UNIQUE (process, began)
);
CREATE INDEX journalSumsBegan ON journalSums (began);
-- The entries of a process that does not say this are counted one by one.
ALTER TABLE processes ADD COLUMN sums BOOLEAN NOT NULL DEFAULT FALSE;
INSERT INTO distributor_migrations (version_id, is_applied) VALUES (13, TRUE);
