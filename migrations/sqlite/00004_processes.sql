-- +goose Up
-- A process that works with this database, for as long as it is seen.
CREATE TABLE processes (
	id                TEXT     NOT NULL PRIMARY KEY,
	kind              TEXT     NOT NULL,
	version           TEXT     NOT NULL DEFAULT '',
	instance          TEXT     NOT NULL DEFAULT '',
	machine           TEXT     NOT NULL DEFAULT '', -- where it runs, for people
	started           DATETIME NOT NULL,
	seen              DATETIME NOT NULL,            -- its last heartbeat
	steady            DATETIME NOT NULL,            -- since then it has missed none
	stopped           DATETIME,                     -- it ended as it should
	gatewayAddress    TEXT     NOT NULL DEFAULT '', -- as in the settings; empty: it has no gateway
	gatewayTLSAddress TEXT     NOT NULL DEFAULT '',
	pool              TEXT                          -- of the hosts, limits and ports that it works with
);
