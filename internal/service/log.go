package service

import (
	"log/slog"
	"regexp"
	"strings"

	"wrpdistributor/internal/config"
	"wrpdistributor/internal/journal"
)

// LogOptions returns the options of a log from that level on. In one with LOG_CLIENTS=hash
// there are no addresses of clients.
func LogOptions(cfg *config.Config, level slog.Level) *slog.HandlerOptions {
	opt := &slog.HandlerOptions{Level: level}
	if cfg.HashClients {
		opt.ReplaceAttr = func(_ []string, a slog.Attr) slog.Attr { return withoutAddress(a) }
	}
	return opt
}

var (
	remoteEnd = regexp.MustCompile(`->[^ ]+:[0-9]+`)                   // of a connection, as package net writes it
	fromWhom  = regexp.MustCompile(` from (\[[^ ]+\]|[0-9.]+):[0-9]+`) // of net/http's messages
)

// withoutAddress takes a client's address out of what is logged. Of what has nothing
// else nothing is left.
func withoutAddress(a slog.Attr) slog.Attr {
	switch a.Key {
	case "client":
		name := journal.HashOnly(a.Value.String())
		if name == "" {
			return slog.Attr{}
		}
		return slog.String(a.Key, name)
	case "peer":
		return slog.Attr{}
	case "err":
		return slog.String(a.Key, remoteEnd.ReplaceAllString(a.Value.String(), "->…"))
	case slog.MessageKey:
		if text := a.Value.String(); strings.HasPrefix(text, "http: ") {
			return slog.String(a.Key, fromWhom.ReplaceAllString(text, ""))
		}
	}
	return a
}
