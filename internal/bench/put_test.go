package bench

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"

	"wrpdistributor/internal/proctest"
)

// What is to be reached.
const (
	warmShare = 1.0 / 20 // of what Docker takes to create and start
	coldShare = 1.15     // of that and until WRP answers
)

// puts is what is measured of sessions that start.
type puts struct {
	rawStart, rawReady, rawBoth samples
	cold, coldPage              samples
	warm, warmPage              samples
}

// measurePuts starts containers without us, sessions, and sessions for which a
// container waits, in turn.
func (b *bench) measurePuts(t *testing.T) {
	b.prepareDocker(t)
	ports := proctest.FreeRange(t, 3*portsEach)
	raw := connectRaw(t, b.sshd, ports, b.wrpFields())
	cold := b.startService(t, "cold", ports+portsEach, 0)
	warm := b.startService(t, "warm", ports+2*portsEach, 1)
	var m puts
	for i := range b.rounds {
		for _, s := range []*service{cold, warm} {
			s.awaitIdle(b.ctx, raw)
		}
		like := m.rawRound(b.ctx, t, raw)
		cold.round(b.ctx, raw, &m.cold, &m.coldPage, func(c container.InspectResponse) { alike(t, like, c) })
		warm.round(b.ctx, raw, &m.warm, &m.warmPage, nil)
		b.say("round %d of %d: raw %.0f ms, cold %.0f ms, warm %.1f ms\n", i+1, b.rounds, m.rawBoth[i], m.cold[i], m.warm[i])
	}
	m.report(&b.report, b.browser)
}

// rawRound measures one container and removes it. It returns what it was.
func (m *puts) rawRound(ctx context.Context, t *testing.T, raw *rawHost) container.InspectResponse {
	t.Helper()
	r, err := raw.round(ctx)
	if err != nil {
		t.Fatal(err)
	}
	m.rawStart.add(r.create + r.start)
	m.rawReady.add(r.ready)
	m.rawBoth.add(r.create + r.start + r.ready)
	was, err := raw.docker.ContainerInspect(ctx, r.id)
	if err == nil {
		err = raw.remove(ctx, r.id)
	}
	if err != nil {
		t.Fatal(err)
	}
	return was
}

// round measures one session and the first page of it, and ends it.
func (s *service) round(ctx context.Context, raw *rawHost, put, page *samples, look func(container.InspectResponse)) {
	s.t.Helper()
	got, took := s.put(ctx)
	put.add(took)
	_, took = s.do(ctx, http.MethodGet, "http://"+got.URL+firstPage, got.Token, http.StatusOK)
	page.add(took)
	if look != nil {
		list, err := raw.list(ctx, labelOfDB+"="+s.id)
		if err != nil || len(list) != 1 {
			s.t.Fatalf("%s: %d containers, %v, want 1", s.name, len(list), err)
		}
		c, err := raw.docker.ContainerInspect(ctx, list[0].ID)
		if err != nil {
			s.t.Fatal(err)
		}
		look(c)
	}
	s.delete(ctx)
	s.awaitIdle(ctx, raw)
}

// alike fails if what is compared is not the same kind of container, but for its
// port, token and labels.
func alike(t *testing.T, raw, ours container.InspectResponse) {
	t.Helper()
	for _, c := range []container.InspectResponse{raw, ours} {
		c.HostConfig.PortBindings = nil
		for i, arg := range c.Config.Cmd {
			if i > 0 && c.Config.Cmd[i-1] == "-token" {
				c.Config.Cmd[i] = fmt.Sprint(len(arg), " characters")
			}
		}
	}
	if diff := cmp.Diff(raw.HostConfig, ours.HostConfig); diff != "" {
		t.Errorf("the containers that are compared differ (-raw +ours):\n%s", diff)
	}
	if diff := cmp.Diff(raw.Config.Cmd, ours.Config.Cmd); diff != "" {
		t.Errorf("what they run differs (-raw +ours):\n%s", diff)
	}
}

func (m *puts) report(r *report, browser time.Duration) {
	r.row("raw: create + start", "ms", m.rawStart)
	r.row("raw: until it answers", "ms", m.rawReady)
	r.row("raw: create + start + answer", "ms", m.rawBoth)
	r.row("cold: PUT", "ms", m.cold)
	r.row("cold: first page", "ms", m.coldPage)
	r.row("warm: PUT", "ms", m.warm)
	r.row("warm: first page", "ms", m.warmPage)
	r.atMost("warm PUT / raw create + start", m.warm.median()/m.rawStart.median(), warmShare, "")
	r.atMost("cold PUT / raw create + start + answer", m.cold.median()/m.rawBoth.median(), coldShare, "")
	// None of them, not even the slowest, waited for a browser.
	r.atMost("slowest first page of a warm session / browser start", slices.Max(m.warmPage)/milliseconds(browser), 0.5, "")
}
