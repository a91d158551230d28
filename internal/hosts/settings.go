package hosts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Settings returns a hash over all that a new container of the kind of s would be made
// with now: the image that the last check found under the configured name, arguments,
// limits, network, and whatever else its engine would be told. It is empty if that is
// not known. No host is asked.
func (p *Pool) Settings(s Spec) string {
	h, err := p.find(s.Host)
	if err != nil {
		return ""
	}
	image := h.lastImage()
	if image.id == "" {
		return ""
	}
	return h.settings(s, image)
}

// SettingsOf is [Pool.Settings] for the container of s itself, which this pool has
// made: with the image that it was made from.
func (p *Pool) SettingsOf(ctx context.Context, s Spec) (settings string, err error) {
	err = p.onContainer("inspect", s.Ref, func(h *host) error {
		settings, err = h.settingsOf(ctx, s)
		return err
	})
	return settings, err
}

func (h *host) settingsOf(ctx context.Context, s Spec) (string, error) {
	f, err := h.find(ctx, s.Ref)
	if err != nil {
		return "", err
	}
	image := h.lastImage()
	if f.image != image.id {
		// The name was given to another image since the last check, most likely.
		if image, err = h.lookAtImage(ctx); err != nil {
			return "", err
		}
	}
	return h.settings(s, imageInfo{id: f.image, dir: image.dir}), nil
}

// lookAtImage finds out which image has the configured name now, without waiting for
// the next check.
func (h *host) lookAtImage(ctx context.Context) (image imageInfo, err error) {
	err = h.call(ctx, func(ctx context.Context) error {
		image, err = h.engine.image(ctx, h.cfg.Container.Image)
		return err
	})
	if err != nil {
		return imageInfo{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.setImage(image)
	return image, nil
}

func (h *host) lastImage() imageInfo {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.image
}

// settings is a hash over the request for a container, without what makes it the
// container of one session: so nothing that a container is made with is forgotten.
func (h *host) settings(s Spec, image imageInfo) string {
	files := h.configured().TLS
	kind := Spec{Token: "{token}", TLS: s.TLS && files != nil, Gateway: s.Gateway}
	kind.publishOn = h.publishOn(kind)
	config, host := containerOf(kind, h.cfg.Container, files, image.dir)
	config.Image = image.id
	request, err := json.Marshal([]any{config, host})
	if err != nil {
		return "" // as if it were not known
	}
	sum := sha256.Sum256(request)
	return hex.EncodeToString(sum[:])
}
