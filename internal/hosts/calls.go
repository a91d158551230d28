package hosts

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"time"
)

// call makes a request to the host's engine that may be repeated. It returns
// [ErrUnreachable] if no answer came, and [ErrUnfinished] if the engine answers, but
// not this.
func (h *host) call(ctx context.Context, request func(context.Context) error) error {
	if err := h.admit(); err != nil {
		return err
	}
	ctx, cancel := h.patience(ctx, callTimeout+h.cfg.StopTimeout)
	defer cancel()
	err := h.ensureConnected(ctx)
	if err == nil {
		err = h.ask(ctx, request)
	}
	if err == nil || isDefinite(err) {
		return err
	}
	h.markDown(ctx, err)
	return unanswered(ctx, err)
}

// isDefinite reports whether err leaves no doubt about what the engine did.
func isDefinite(err error) bool {
	for _, e := range []error{ErrGone, ErrNameTaken, ErrImageMissing, ErrPortTaken, ErrForbidden, ErrCertificate, ErrUnfinished, ErrNetwork, errAddress, errMemory} {
		if errors.Is(err, e) {
			return true
		}
	}
	return isEngineError(err)
}

// create sends the request again under the same name if its answer was lost: the
// name is a lock, so that the second either makes the container or shows that
// the first did.
func (h *host) create(ctx context.Context, s Spec) (string, error) {
	ctx, cancel := h.patience(ctx, 0)
	defer cancel()
	s.databaseID, s.publishOn = h.cfg.DatabaseID, h.publishOn(s)
	image, err := h.prepareCreate(ctx, s)
	if err != nil {
		return "", err
	}
	var id string
	files := h.configured().TLS
	err = h.ask(ctx, func(ctx context.Context) (err error) {
		id, err = h.engine.create(ctx, s, h.cfg.Container, files, image.dir)
		return err
	})
	switch {
	case err == nil:
		return id, nil
	case errors.Is(err, ErrNameTaken):
		return h.existing(ctx, s)
	}
	return "", h.judge(ctx, err)
}

// judge notes what the creation or the start of a container that failed with err says of
// its host, and returns what is to be said about it. What the engine refuses one
// container says nothing, nor does one that it does not get done.
func (h *host) judge(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, ErrImageMissing):
		h.forgetImage()
	case errors.Is(err, ErrCertificate):
		h.setTLS(err)
	case errors.Is(err, ErrNetwork):
		h.markDown(ctx, err)
	case errors.Is(err, ErrUnfinished):
		return fmt.Errorf("%w: %w", ErrUncertain, err)
	case !isCertain(err):
		h.markDown(ctx, err)
		return fmt.Errorf("%w: %w", ErrUncertain, orSlowLink(ctx, err))
	}
	return err
}

// prepareCreate makes sure that the host can take the container of s, and
// returns the image.
func (h *host) prepareCreate(ctx context.Context, s Spec) (imageInfo, error) {
	if err := h.down(); err != nil {
		return imageInfo{}, err
	}
	if s.TLS && h.configured().TLS == nil {
		return imageInfo{}, fmt.Errorf("%w: none configured", ErrCertificate)
	}
	err := h.confirmResponsive(ctx)
	if err == nil && s.Gateway {
		err = h.canForward(ctx)
	}
	if err != nil {
		h.markDown(ctx, err)
		return imageInfo{}, err
	}
	return h.ensureImage(ctx)
}

// confirmResponsive makes sure that the host answers now. A connection may be
// dead without anybody having noticed yet, and whether a request that was sent
// over it is carried out cannot be known. So the first one is a harmless one.
func (h *host) confirmResponsive(ctx context.Context) error {
	if err := h.ensureConnected(ctx); err != nil {
		return err
	}
	limited, cancel := h.patience(ctx, h.cfg.ConnectTimeout)
	defer cancel()
	dropIfSilent := h.listen()
	begun := time.Now()
	err := h.engine.ping(limited)
	if err != nil && limited.Err() == nil {
		err = h.engine.ping(limited) // over a new connection, if the old one broke unnoticed
	}
	if err != nil {
		dropIfSilent()
		return unanswered(limited, orBusy(h.judgeBusy(limited, begun, err)))
	}
	return nil
}

// orBusy returns [ErrBusy] for what a harmless request had no time for, since it got a
// session late: nothing that matters was sent.
func orBusy(err error) error {
	if errors.Is(err, errLateSession) {
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return err
}

// listen asks the host's sshd for a sign of life. The function that it returns drops
// the connection if nothing has come since: an engine that hangs is no reason, for
// the connection carries the gateway's traffic too.
func (h *host) listen() (dropIfSilent func()) {
	if h.client == nil {
		return func() {}
	}
	conn, _ := h.client.established()
	if conn == nil {
		return func() {}
	}
	before := conn.raw.progress()
	conn.answered()
	return func() {
		if !conn.raw.progress().since(before) {
			conn.Close()
		}
	}
}

// ensureImage returns the image, as the last check found it.
func (h *host) ensureImage(ctx context.Context) (imageInfo, error) {
	if image := h.lastImage(); image != (imageInfo{}) {
		return image, nil
	}
	image, err := h.engine.image(ctx, h.cfg.Container.Image)
	if err != nil && !isDefinite(err) {
		err = unanswered(ctx, err)
	}
	return image, err
}

// existing returns the id of the container that holds the name of s, if it is the
// one that an earlier create of s made.
func (h *host) existing(ctx context.Context, s Spec) (string, error) {
	f, err := h.engine.inspect(ctx, s.Name)
	switch {
	case err != nil && !isDefinite(err):
		return "", fmt.Errorf("%w: %s: %w", ErrUncertain, s.Name, err) // it may be the one
	case err != nil:
		return "", fmt.Errorf("%w, and cannot be inspected: %w", ErrNameTaken, err)
	}
	if !h.isOurs(f, s.Ref) {
		return "", fmt.Errorf("%w: %s", ErrNameTaken, s.Name)
	}
	return f.ID, nil
}

// isOurs reports whether the labels of f say that it is the container of r.
func (h *host) isOurs(f Container, r Ref) bool {
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
	ctx, cancel := h.patience(ctx, 0)
	defer cancel()
	err := h.ask(ctx, func(ctx context.Context) error { return h.engine.start(ctx, id) })
	if errors.Is(err, ErrNetwork) {
		err = h.startOnNewNetwork(ctx, id)
	}
	if err != nil {
		return h.judge(ctx, err)
	}
	h.containerStarted()
	return nil
}

// inspect returns the container of r, or [ErrGone] if it does not run.
func (h *host) inspect(ctx context.Context, r Ref) (Container, error) {
	f, err := h.find(ctx, r)
	if err != nil {
		return Container{}, err
	}
	if !f.Running {
		return Container{}, f.gone()
	}
	return f, nil
}

// find returns the container of r, running or not.
func (h *host) find(ctx context.Context, r Ref) (f Container, err error) {
	ref := r.ID
	if ref == "" {
		ref = r.Name
	}
	err = h.call(ctx, func(ctx context.Context) error {
		f, err = h.engine.inspect(ctx, ref)
		return err
	})
	foreign := err == nil && !h.isOurs(f, r) || err != nil && strings.Contains(err.Error(), guardsForeign)
	if r.ID == "" && foreign {
		err = fmt.Errorf("%w: a foreign container has the name", ErrGone)
	}
	if err != nil {
		return Container{}, err
	}
	return f, nil
}

// remove removes the container, and stops it before if gently says so. One that
// cannot be stopped is killed all the same.
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
	return h.call(ctx, func(ctx context.Context) error { return h.stopAndRemove(ctx, id, gently) })
}

func (h *host) stopAndRemove(ctx context.Context, id string, gently bool) error {
	if gently {
		if err := h.engine.stop(ctx, id, h.cfg.StopTimeout); err != nil && !isEngineError(err) {
			return err
		}
	}
	return h.engine.remove(ctx, id)
}
