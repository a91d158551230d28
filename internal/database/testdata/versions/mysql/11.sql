-- From version 10 to 11.
CREATE TABLE accounts (
	name         VARCHAR(32)  NOT NULL PRIMARY KEY,
	passwordHash VARCHAR(72)  NOT NULL,
	disabled     BOOLEAN      NOT NULL DEFAULT FALSE,
	maxSessions  INT          NOT NULL DEFAULT 2,
	created      DATETIME     NOT NULL,
	lastSeen     DATETIME     NULL,
	note         VARCHAR(255) NOT NULL DEFAULT '',
	version      BIGINT       NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE portalKeys (
	id        INT      NOT NULL PRIMARY KEY,
	portalKey CHAR(64) NOT NULL,
	created   DATETIME NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO distributor_migrations (version_id, is_applied) VALUES (11, TRUE);
