package hosts

import (
	"context"
	"errors"
	"fmt"
)

// A Pulled is what came of a pull: the id of the image that had the configured name
// before, empty if none had, and of the one that has it now.
type Pulled struct{ Before, After string }

// Pull has a host fetch the configured image as its registry has it now, also if it has
// one of that name. It calls progress with bytes done and in total.
func (p *Pool) Pull(ctx context.Context, name string, progress func(done, total int64)) (Pulled, error) {
	h, err := p.find(name)
	if err != nil {
		return Pulled{}, err
	}
	before, err := h.lookAtImage(ctx)
	if err != nil && !errors.Is(err, ErrImageMissing) {
		return Pulled{}, InWords(err)
	}
	if err := h.engine.pull(ctx, h.cfg.Container.Image, progress); err != nil {
		return Pulled{}, fmt.Errorf("pull %s: %w", h.cfg.Container.Image, InWords(err))
	}
	after, err := h.lookAtImage(ctx)
	return Pulled{before.id, after.id}, InWords(err)
}
