CREATE TABLE pool (
	id          INTEGER PRIMARY KEY, -- always 1
	databaseId  TEXT NOT NULL,       -- random; the label of our containers
	description TEXT                 -- of the hosts, limits and ports that a distributor last worked with
);
