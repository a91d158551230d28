-- +goose Up
-- Who may come in by name and password. Version is another after each change that ends
-- what was known of the account before: the password, disabled.
CREATE TABLE IF NOT EXISTS accounts (
	name         VARCHAR(32)  NOT NULL PRIMARY KEY,
	passwordHash VARCHAR(72)  NOT NULL,
	disabled     BOOLEAN      NOT NULL DEFAULT FALSE,
	maxSessions  INT          NOT NULL DEFAULT 2,
	created      DATETIME     NOT NULL,
	lastSeen     DATETIME     NULL,
	note         VARCHAR(255) NOT NULL DEFAULT '',
	version      BIGINT       NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What tickets and forms are signed with, by all processes. Its one row, 1, is made by
-- the first that needs it.
CREATE TABLE IF NOT EXISTS portalKeys (
	id        INT      NOT NULL PRIMARY KEY,
	portalKey CHAR(64) NOT NULL,
	created   DATETIME NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
