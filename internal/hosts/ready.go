package hosts

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"wrpdistributor/internal/clock"
	"wrpdistributor/internal/redact"
)

const (
	probePause      = 10 * time.Millisecond
	inspectInterval = 250 * time.Millisecond // of a container that does not answer
	glanceTime      = time.Second            // of such an inspect
	publicDialTime  = time.Second

	unprobedPause = 100 * time.Millisecond // for a container that cannot be probed
	probeOffAfter = 2                      // containers that never answered
	probeOffFor   = time.Hour
)

// warmUpPage makes WRP start its browser and draw a page: one that WRP itself
// answers from within the container.
const warmUpPage = "/?url=http%3A%2F%2F127.0.0.1%3A8080%2Ffavicon.ico"

// awaitReady waits until the container answers, or ends, or the time is up.
func (h *host) awaitReady(ctx context.Context, s Spec) error {
	if h.probe.isOff() {
		_, err := h.inspect(ctx, s.Ref)
		return errors.Join(err, clock.Sleep(ctx, unprobedPause))
	}
	deadline, cancel := h.patience(ctx, h.cfg.ReadyTimeout)
	defer cancel()
	for nextInspect := time.Now().Add(inspectInterval); ; {
		err := h.getPage(deadline, s, "/")
		if err == nil {
			h.probe.answered()
			return nil
		}
		if errors.Is(err, ErrForbidden) {
			return err
		}
		if time.Now().After(nextInspect) {
			if err := h.glance(ctx, s); err != nil {
				return err
			}
			nextInspect = time.Now().Add(inspectInterval)
		}
		if clock.Sleep(deadline, probePause) != nil {
			return h.notReady(ctx, s, err)
		}
	}
}

// glance returns [ErrGone] if the engine says so soon. The container may well answer
// while its engine does not.
func (h *host) glance(ctx context.Context, s Spec) error {
	glancing, cancel := context.WithTimeout(ctx, glanceTime)
	defer cancel()
	f, err := h.find(glancing, s.Ref)
	for err == nil && f.mayHaveRunOutOfMemory() && clock.Sleep(glancing, inspectInterval) == nil {
		if again, err := h.find(glancing, s.Ref); err == nil {
			f = again
		}
	}
	switch {
	case errors.Is(err, ErrGone):
		return err
	case err == nil && !f.Running:
		return f.gone()
	}
	return nil
}

// notReady decides about a container that did not answer in time; last is why.
func (h *host) notReady(ctx context.Context, s Spec, last error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if _, err := h.inspect(ctx, s.Ref); err != nil {
		return err
	}
	if s.TLS {
		h.reportEnd(ctx, s, "container does not serve TLS; it is removed")
		return fmt.Errorf("%w: %w", ErrCertificate, last)
	}
	h.log.Warn("container not ready in time; handed over", "container", s.Ref.String(), "port", s.Port, "took", h.cfg.ReadyTimeout, "err", last)
	if h.probe.missed() {
		h.log.Warn("readiness probe off", "address", h.configured().Address, "retry_in", probeOffFor)
	}
	return nil
}

// probeOnce asks the container once, or only its engine if the probe is off.
func (h *host) probeOnce(ctx context.Context, s Spec) error {
	if h.probe.isOff() && !s.Gateway {
		_, err := h.inspect(ctx, s.Ref)
		return err
	}
	return h.getPage(ctx, s, "/")
}

// getPage asks the container's WRP for a page.
func (h *host) getPage(ctx context.Context, s Spec, path string) error {
	return getPageBy(ctx, s, path, func(ctx context.Context) (net.Conn, error) { return h.dialContainer(ctx, s) })
}

// getPageBy is getPage over a connection that dial makes.
func getPageBy(ctx context.Context, s Spec, path string, dial func(context.Context) (net.Conn, error)) error {
	transport := &http.Transport{
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: maxHeader,
		DialContext:            redact.Dialer(dial),
		// Whether clients trust the certificate is between them and the host.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}
	scheme := "http"
	if s.TLS {
		scheme = "https"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://wrp.invalid"+path, http.NoBody)
	if err != nil {
		return err
	}
	req.Header.Set("Bearer", s.Token)
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return redact.Answer(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("WRP answers %d", resp.StatusCode)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return redact.Answer(err)
}

// dialContainer connects to the container's port: on the host's own loopback, or
// from outside if the key does not allow that and the port is public.
func (h *host) dialContainer(ctx context.Context, s Spec) (net.Conn, error) {
	if s.Gateway {
		return h.dialLoopback(ctx, s.Port)
	}
	if h.client == nil {
		return h.dialPublished(ctx, s.Port)
	}
	if !h.probe.isPublic() {
		nc, err := h.client.dialPort(ctx, s.Port)
		if !errors.Is(err, ErrForbidden) {
			return nc, err
		}
		h.probe.usePublic()
	}
	d := net.Dialer{Timeout: publicDialTime}
	return d.DialContext(ctx, "tcp", net.JoinHostPort(h.configured().Address, strconv.Itoa(s.Port)))
}

// A prober remembers how containers of a host can be asked whether they serve.
type prober struct {
	mu       sync.Mutex
	public   bool // on the public port, for the key forbids the host's loopback
	misses   int  // running containers in a row that never answered
	offUntil time.Time
}

func (p *prober) isOff() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Now().Before(p.offUntil)
}

func (p *prober) isPublic() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.public
}

func (p *prober) usePublic() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.public = true
}

func (p *prober) answered() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.misses = 0
}

// missed counts a container that never answered. It reports whether the probe is
// off from now on: where only the public port is left and containers answer on
// it never, a firewall is in between.
func (p *prober) missed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.public {
		return false
	}
	p.misses++
	if p.misses < probeOffAfter {
		return false
	}
	p.misses, p.offUntil = 0, time.Now().Add(probeOffFor)
	return true
}
