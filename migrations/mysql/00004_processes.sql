-- +goose Up
-- A process that works with this database, for as long as it is seen.
CREATE TABLE IF NOT EXISTS processes (
	id                CHAR(32)     NOT NULL PRIMARY KEY,
	kind              VARCHAR(16)  NOT NULL,
	version           VARCHAR(255) NOT NULL DEFAULT '',
	instance          VARCHAR(255) NOT NULL DEFAULT '',
	machine           VARCHAR(255) NOT NULL DEFAULT '', -- where it runs, for people
	started           DATETIME     NOT NULL,
	seen              DATETIME     NOT NULL,            -- its last heartbeat
	steady            DATETIME     NOT NULL,            -- since then it has missed none
	stopped           DATETIME     NULL,                -- it ended as it should
	gatewayAddress    VARCHAR(255) NOT NULL DEFAULT '', -- as in the settings; empty: it has no gateway
	gatewayTLSAddress VARCHAR(255) NOT NULL DEFAULT '',
	pool              TEXT         NULL                 -- of the hosts, limits and ports that it works with
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
