-- +goose Up
-- What happened to sessions and hosts, for people. Each process writes its own, and
-- numbers it, so that an entry is found again to count what happened once more, and is
-- not written twice.
CREATE TABLE IF NOT EXISTS journal (
	id            BIGINT       NOT NULL AUTO_INCREMENT PRIMARY KEY,
	process       VARCHAR(32)  NOT NULL,
	number        BIGINT       NOT NULL,
	program       VARCHAR(16)  NOT NULL DEFAULT '',
	kind          VARCHAR(16)  NOT NULL,
	firstAt       DATETIME(3)  NOT NULL,
	lastAt        DATETIME(3)  NOT NULL,
	times         INT          NOT NULL DEFAULT 1,
	request       VARCHAR(16)  NOT NULL DEFAULT '',
	requests      TEXT         NOT NULL,
	sessionId     BIGINT       NOT NULL DEFAULT 0,
	containerHost VARCHAR(255) NOT NULL DEFAULT '',
	clientIp      VARCHAR(45)  NOT NULL DEFAULT '',
	clientHash    VARCHAR(8)   NOT NULL DEFAULT '',
	detail        TEXT         NOT NULL,
	UNIQUE KEY processNumber (process, number),
	KEY firstAt (firstAt),
	KEY request (request),
	KEY sessionId (sessionId),
	KEY clientIp (clientIp),
	KEY clientHash (clientHash)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
