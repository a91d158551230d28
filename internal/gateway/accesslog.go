package gateway

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"wrpdistributor/internal/redact"
)

// logged writes the access line of an exchange, however it ends.
func (g *Gateway) logged(next handler) handler {
	return func(x *exchange) error {
		defer g.log(x)
		return next(x)
	}
}

// log writes the access line. It has neither path nor headers, in which there
// are tokens and what people read.
func (g *Gateway) log(x *exchange) {
	status, err := x.outcome()
	level := slog.LevelDebug
	// That of a session is in the journal.
	if status >= statusClientLeft || x.id != "" && !errors.Is(err, ErrEnded) {
		level = slog.LevelInfo
	}
	ctx := context.WithoutCancel(x.in.Context())
	if !g.Log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{slog.String("method", redact.Method(x.in)), slog.Int("status", status), slog.Int64("bytes", x.bytes), slog.Duration("took", time.Since(x.started))}
	if x.route != nil {
		attrs = append(attrs, slog.Int64("session", x.route.session.ID), slog.String("client", x.route.session.ClientName()))
	} else {
		attrs = append(attrs, slog.String("peer", x.in.RemoteAddr))
		if addr, err := g.Guard.Client(x.in); err == nil {
			attrs = append(attrs, slog.String("client", addr.String())) // browsers differ from what asked for the session
		}
	}
	if x.id != "" {
		attrs = append(attrs, slog.String("request", x.id))
	}
	if err != nil {
		attrs = append(attrs, slog.Any("err", err))
	}
	g.Log.LogAttrs(ctx, level, "gateway request", attrs...)
}
