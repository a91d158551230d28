-- A host that has a row here is drained: it gets no new containers.
CREATE TABLE hosts (
	containerHost TEXT     NOT NULL PRIMARY KEY,
	drainedAt     DATETIME NOT NULL,
	reason        TEXT     NOT NULL DEFAULT ''
);
