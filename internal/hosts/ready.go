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
)

const (
	probePause      = 10 * time.Millisecond
	inspectInterval = 250 * time.Millisecond // how often a container that does not answer is looked at
	unprobedPause   = 100 * time.Millisecond // for a container that cannot be probed
	probeOffAfter   = 2                      // containers that never answered
	probeOffFor     = time.Hour
	publicDialTime  = time.Second
)

// Ready waits until the started container of s answers HTTP with its token, at
// most the ready timeout. One that runs but has not answered by then is taken
// for ready, unless it should have answered over TLS ([ErrCertificate]).
// It returns [ErrGone] if the container ended.
func (p *Pool) Ready(ctx context.Context, s Spec) error {
	h, err := p.find(s.Ref.Host)
	if err != nil {
		return err
	}
	if err := h.ready(ctx, s); err != nil {
		return fmt.Errorf("wait for container %s: %w", s.Ref, err)
	}
	return nil
}

func (h *host) ready(ctx context.Context, s Spec) error {
	if h.probe.isOff() {
		_, err := h.inspect(ctx, s.Ref)
		return errors.Join(err, clock.Sleep(ctx, unprobedPause))
	}
	deadline, cancel := context.WithTimeout(ctx, h.cfg.ReadyTimeout)
	defer cancel()
	ask := h.asker(s, "/")
	for look := time.Now().Add(inspectInterval); ; {
		err := ask(deadline)
		if err == nil {
			h.probe.answered()
			return nil
		}
		if errors.Is(err, ErrForbidden) {
			return err
		}
		if time.Now().After(look) || deadline.Err() != nil {
			if _, err := h.inspect(ctx, s.Ref); err != nil {
				return err
			}
			look = time.Now().Add(inspectInterval)
		}
		if clock.Sleep(deadline, probePause) != nil {
			return h.neverAnswered(ctx, s, err)
		}
	}
}

// neverAnswered decides about a container that did not answer in time.
func (h *host) neverAnswered(ctx context.Context, s Spec, last error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if _, err := h.inspect(ctx, s.Ref); err != nil {
		return err
	}
	if s.TLS {
		return fmt.Errorf("%w: %w", ErrCertificate, last)
	}
	h.log.Warn("container runs, but does not answer", "container", s.Ref.String(), "port", s.Port, "after", h.cfg.ReadyTimeout, "err", last)
	if h.probe.missed() {
		h.log.Warn("readiness probe is off for an hour: no container answered on the public port, and the key forbids another way (permitopen)", "address", h.Address)
	}
	return nil
}

// Probe asks the running container of s once, as [Pool.Ready] does.
func (p *Pool) Probe(ctx context.Context, s Spec) error {
	h, err := p.find(s.Ref.Host)
	if err != nil {
		return err
	}
	if h.probe.isOff() && !s.Gateway {
		_, err = h.inspect(ctx, s.Ref)
	} else {
		err = h.asker(s, "/")(ctx)
	}
	if err != nil {
		return fmt.Errorf("ask container %s: %w", s.Ref, err)
	}
	return nil
}

// firstPage makes WRP start its browser and draw a page: one that WRP itself
// answers from within the container.
const warmUpPage = "/?url=http%3A%2F%2F127.0.0.1%3A8080%2Ffavicon.ico"

// WarmUp has the started container of s draw its first page, which takes seconds
// and which the next page is faster for.
func (p *Pool) WarmUp(ctx context.Context, s Spec) error {
	h, err := p.find(s.Ref.Host)
	if err != nil {
		return err
	}
	if err := h.asker(s, warmUpPage)(ctx); err != nil {
		return fmt.Errorf("heat container %s: %w", s.Ref, err)
	}
	return nil
}

// asker returns a function that asks WRP for a page once.
func (h *host) asker(s Spec, path string) func(context.Context) error {
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return h.dial(ctx, s) },
		// Whether clients trust the certificate is between them and the host.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}
	scheme := "http"
	if s.TLS {
		scheme = "https"
	}
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://wrp.invalid"+path, http.NoBody)
		if err != nil {
			return err
		}
		req.Header.Set("Bearer", s.Token)
		resp, err := transport.RoundTrip(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("WRP answers %s", resp.Status)
		}
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
}

// dial connects to the container's port: on the host's own loopback, or from
// outside if the key does not allow that and the port is public.
func (h *host) dial(ctx context.Context, s Spec) (net.Conn, error) {
	if h.client == nil || s.Gateway {
		return h.dialLoopback(ctx, s.Port)
	}
	if !h.probe.isPublic() {
		l, err := h.client.connection(ctx)
		if err != nil {
			return nil, err
		}
		c, err := l.dialPort(ctx, s.Port)
		if !errors.Is(err, ErrForbidden) {
			return c, err
		}
		h.probe.usePublic()
	}
	d := net.Dialer{Timeout: publicDialTime}
	return d.DialContext(ctx, "tcp", net.JoinHostPort(h.Address, strconv.Itoa(s.Port)))
}

// A prober remembers how containers of a host can be asked whether they serve.
type prober struct {
	mu     sync.Mutex
	public bool // the key forbids the host's loopback
	misses int  // running containers in a row that never answered
	off    time.Time
}

func (p *prober) isOff() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Now().Before(p.off)
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

// missed counts a silent container, and reports whether the probe is off now.
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
	p.misses, p.off = 0, time.Now().Add(probeOffFor)
	return true
}
