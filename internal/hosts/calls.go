package hosts

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// create sends the request again under the same name if its answer was lost: the
// name is a lock, so that the second either makes the container or shows that
// the first did.
func (h *host) create(ctx context.Context, s Spec) (string, error) {
	s.databaseID = h.cfg.DatabaseID
	dir, err := h.readyForStart(ctx, s)
	if err != nil {
		return "", err
	}
	tls := h.TLS
	if !s.TLS {
		tls = nil
	}
	id, err := h.engine.create(ctx, s, h.cfg.Container, tls, dir)
	if err != nil && !isDefinite(err) {
		if h.ensureConnected(ctx) != nil {
			h.markDown(ctx, err)
			return "", fmt.Errorf("%w: %w", ErrUncertain, err)
		}
		id, err = h.engine.create(ctx, s, h.cfg.Container, tls, dir)
	}
	switch {
	case errors.Is(err, ErrNameTaken):
		return h.existing(ctx, s)
	case errors.Is(err, ErrImageMissing):
		h.forgetImage()
	case err != nil && !isDefinite(err):
		h.markDown(ctx, err)
		return "", fmt.Errorf("%w: %w", ErrUncertain, err)
	case err != nil:
		h.markDown(ctx, err)
	}
	return id, err
}

// isDefinite reports whether err leaves no doubt about what the engine did.
func isDefinite(err error) bool {
	for _, e := range []error{ErrGone, ErrNameTaken, ErrImageMissing, ErrPortTaken, ErrForbidden} {
		if errors.Is(err, e) {
			return true
		}
	}
	return isEngineError(err)
}

// readyForStart returns the image's working directory.
func (h *host) readyForStart(ctx context.Context, s Spec) (string, error) {
	if err := h.down(); err != nil {
		return "", err
	}
	if s.TLS && h.TLS == nil {
		return "", fmt.Errorf("%w: none configured", ErrCertificate)
	}
	err := h.confirmResponsive(ctx)
	if err == nil && s.Gateway {
		err = h.canForward(ctx)
	}
	if err != nil {
		h.markDown(ctx, err)
		return "", err
	}
	h.mu.Lock()
	dir := h.dir
	h.mu.Unlock()
	if dir != "" {
		return dir, nil
	}
	dir, err = h.engine.imageDir(ctx, h.cfg.Container.Image)
	if err != nil && !isDefinite(err) {
		err = fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return dir, err
}

// confirmResponsive makes sure that the host answers now. A connection may be frozen without
// anybody having noticed yet, and what is sent over it is lost or not, nobody
// knows: better to find out with something that does no harm.
func (h *host) confirmResponsive(ctx context.Context) error {
	if err := h.ensureConnected(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, h.cfg.ConnectTimeout)
	defer cancel()
	err := h.engine.ping(ctx)
	if err != nil && ctx.Err() == nil {
		err = h.engine.ping(ctx) // over a new connection, if the old one broke unnoticed
	}
	if err != nil && h.client != nil {
		h.client.drop()
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return nil
}

func (h *host) forgetImage() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dir = ""
}

// existing takes the container that holds our name, if it is the very one we meant
// to create.
func (h *host) existing(ctx context.Context, s Spec) (string, error) {
	f, err := h.engine.inspect(ctx, s.Name)
	if err != nil {
		return "", fmt.Errorf("%w, and cannot be looked at: %w", ErrNameTaken, err)
	}
	if !h.isOurs(f, s.Ref) {
		return "", fmt.Errorf("%w: %s", ErrNameTaken, s.Name)
	}
	return f.ID, nil
}

func (h *host) isOurs(f Found, r Ref) bool {
	return f.database == h.cfg.DatabaseID && f.Session == r.Session && f.Nonce == r.Nonce
}

// start starts the container; starting one twice does no harm.
func (h *host) start(ctx context.Context, id string) error {
	select {
	case h.starts <- struct{}{}:
		defer func() { <-h.starts }()
	case <-ctx.Done():
		return fmt.Errorf("wait for a place among %d parallel starts: %w", cap(h.starts), ctx.Err())
	}
	err := h.engine.start(ctx, id)
	if err != nil && !isDefinite(err) && h.ensureConnected(ctx) == nil {
		err = h.engine.start(ctx, id)
	}
	switch {
	case err == nil:
		h.resetPauses()
		return nil
	case errors.Is(err, ErrPortTaken), errors.Is(err, ErrGone):
		return err
	case !isDefinite(err):
		err = fmt.Errorf("%w: %w", ErrUncertain, err)
	}
	h.markDown(ctx, err)
	return err
}

func (h *host) inspect(ctx context.Context, r Ref) (Found, error) {
	f, err := h.find(ctx, r)
	if err != nil {
		return Found{}, err
	}
	if !f.Running {
		return f, fmt.Errorf("%w: it does not run", ErrGone)
	}
	return f, nil
}

// find returns the container r means, running or not.
func (h *host) find(ctx context.Context, r Ref) (Found, error) {
	if r.ID != "" {
		return call(ctx, h, func(ctx context.Context) (Found, error) { return h.engine.inspect(ctx, r.ID) })
	}
	f, err := call(ctx, h, func(ctx context.Context) (Found, error) { return h.engine.inspect(ctx, r.Name) })
	if err == nil && !h.isOurs(f, r) {
		return Found{}, fmt.Errorf("%w: the name is a stranger's", ErrGone)
	}
	return f, err
}

func (h *host) remove(ctx context.Context, r Ref, gently bool) error {
	id := r.ID
	if id == "" {
		f, err := h.find(ctx, r)
		if errors.Is(err, ErrGone) {
			return nil
		}
		if err != nil {
			return err
		}
		id = f.ID
	}
	_, err := call(ctx, h, func(ctx context.Context) (struct{}, error) {
		if gently {
			// What cannot be asked to end is killed all the same.
			if err := h.engine.stop(ctx, id, h.cfg.StopTimeout); err != nil && !isEngineError(err) {
				return struct{}{}, err
			}
		}
		return struct{}{}, h.engine.remove(ctx, id)
	})
	return err
}

func (h *host) list(ctx context.Context) ([]Found, time.Time, error) {
	// The clock is read first: what is created meanwhile looks too young.
	info, err := call(ctx, h, h.engine.info)
	if err != nil {
		return nil, time.Time{}, err
	}
	list, err := call(ctx, h, func(ctx context.Context) ([]Found, error) {
		return h.engine.list(ctx, labelDatabase+"="+h.cfg.DatabaseID)
	})
	return list, info.Now, err
}

// call makes a call that may be repeated, and calls silence by its name.
func call[T any](ctx context.Context, h *host, call func(context.Context) (T, error)) (T, error) {
	var none T
	if err := h.unresponsive(); err != nil {
		return none, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout+h.cfg.StopTimeout)
	defer cancel()
	if err := h.ensureConnected(ctx); err != nil {
		h.markDown(ctx, err)
		return none, err
	}
	v, err := call(ctx)
	if err != nil && !isDefinite(err) && ctx.Err() == nil {
		v, err = call(ctx) // over a new connection, if the old one broke unnoticed
	}
	if err == nil || isDefinite(err) {
		return v, err
	}
	h.markDown(ctx, err)
	return none, fmt.Errorf("%w: %w", ErrUnreachable, err)
}
