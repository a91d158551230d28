-- The pool's one row names this database, and is locked by whoever claims a slot.
CREATE TABLE pool (
	id          TINYINT UNSIGNED NOT NULL PRIMARY KEY, -- always 1
	databaseId  CHAR(32)         NOT NULL,             -- random; the label of our containers
	description TEXT             NULL                  -- of the hosts, limits and ports that a distributor last worked with
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
