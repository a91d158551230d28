package hosts

import (
	"context"
	"errors"
	"fmt"
)

// orUnfinished returns what err says of the host: if the time was up and the
// engine answers other requests, [ErrUnfinished], else err.
func (h *host) orUnfinished(ctx context.Context, err error) error {
	if err == nil || isDefinite(err) || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.cfg.ConnectTimeout)
	defer cancel()
	if h.engine.ping(ctx) != nil {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnfinished, err)
}
