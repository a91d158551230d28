-- A host that has a row here is drained: it gets no new containers.
CREATE TABLE hosts (
	containerHost VARCHAR(255) NOT NULL PRIMARY KEY,
	drainedAt     DATETIME     NOT NULL,
	reason        VARCHAR(255) NOT NULL DEFAULT ''
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
