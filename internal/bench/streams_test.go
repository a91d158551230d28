package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"golang.org/x/crypto/ssh"
	"golang.org/x/sync/errgroup"

	"wrpdistributor/internal/proctest"
)

const streamed = 10 // sessions that have streams at once

// measureStreams measures many streams of several sessions through the gateway,
// from the published ports, and over SSH without the service, on this machine's Docker and OpenSSH.
func (b *bench) measureStreams(t *testing.T) {
	b.prepareDocker(t)
	listen := proctest.FreeAddr(t)
	ports := proctest.FreeRange(t, streamed+sparePorts)
	s := b.startService(t, "streams", ports, 0, "GATEWAY_LISTEN="+listen, fmt.Sprint("MAX_CONTAINERS_RUNNING=", streamed))
	w := s.startStreamed(b.ctx, listen, connectRaw(t, b.sshd, ports, b.wrpFields()).ssh)
	var past, tunnel, through samples
	err := b.repeatRounds(func(round int) error {
		if round == 0 { // makes the connections that are kept
			if err := errors.Join(stream(b.ctx, new(samples), w.tunnel, b.streamBytes()), stream(b.ctx, new(samples), w.gateway, b.streamBytes())); err != nil {
				return err
			}
		}
		return errors.Join(stream(b.ctx, &past, w.direct, b.streamBytes()),
			stream(b.ctx, &tunnel, w.tunnel, b.streamBytes()), stream(b.ctx, &through, w.gateway, b.streamBytes()))
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, tail(s.proc.Output()))
	}
	b.report.row("direct: 50 streams of 10 sessions", "MB/s", past)
	b.report.row("SSH alone: 50 streams of 10 sessions", "MB/s", tunnel)
	b.report.row("gateway: 50 streams of 10 sessions", "MB/s", through)
	b.report.atLeast("50 streams of 10 sessions, gateway / direct", through.median()/past.median(), carriesLeast, "")
	b.report.ratio("50 streams of 10 sessions, SSH alone / direct", tunnel.median()/past.median())
	b.report.ratio("50 streams of 10 sessions, gateway / SSH alone", through.median()/tunnel.median())
}

// streamedWays are the ways to each of some sessions: its published port, that port
// by a connection of Go's SSH library with nothing of the service, and the gateway.
type streamedWays struct{ direct, tunnel, gateway []*way }

// streamBytes is what one of the streams has.
func (b *bench) streamBytes() int { return max(allBytes/b.divide, 64<<10) }

// startStreamed starts sessions, and returns the ways to each.
func (s *service) startStreamed(ctx context.Context, listen string, tunnel *ssh.Client) (w streamedWays) {
	s.t.Helper()
	db, err := sqlx.Open("mysql", s.db.FormatDSN())
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	for i := range streamed {
		a, err := proctest.Do(ctx, proctest.Request{Method: http.MethodPut, URL: s.base, Token: authToken, Agent: fmt.Sprint("AmiFox (stream ", i, ")")})
		if err != nil || a.Code != http.StatusAccepted {
			s.t.Fatalf("PUT = %d %q, %v\n%s", a.Code, a.Body, err, tail(s.proc.Output()))
		}
		got, err := a.Session()
		var at int
		if err == nil {
			err = db.GetContext(ctx, &at, `SELECT port FROM sessions WHERE token = ?`, got.Token)
		}
		if err != nil {
			s.t.Fatal(err)
		}
		port := fmt.Sprint("127.0.0.1:", at)
		w.direct = append(w.direct, newWay("direct", port, got.Token))
		w.tunnel = append(w.tunnel, newWay("SSH alone", port, got.Token).over(tunnel))
		w.gateway = append(w.gateway, newWay("gateway", listen, got.Token))
	}
	for _, each := range slices.Concat(w.direct, w.tunnel, w.gateway) {
		s.t.Cleanup(each.client.CloseIdleConnections)
	}
	return w
}

// over makes a way use a tunnel.
func (w *way) over(tunnel *ssh.Client) *way {
	w.client.Transport = &http.Transport{MaxIdleConnsPerHost: many, DialContext: tunnel.DialContext}
	return w
}

// stream has many streams at once, as many of one session as of the others.
func stream(ctx context.Context, to *samples, ways []*way, bytes int) error {
	begun := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	for i := range many {
		g.Go(func() error {
			n, err := ways[i%len(ways)].get(ctx, big(bytes))
			if err == nil && n < int64(bytes) {
				err = fmt.Errorf("%d bytes of %d", n, bytes)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	*to = append(*to, float64(many*bytes)/megabyte/time.Since(begun).Seconds())
	return nil
}

func streamLines() []string {
	return []string{
		"direct: 50 streams of 10 sessions", "SSH alone: 50 streams of 10 sessions", "gateway: 50 streams of 10 sessions",
		"50 streams of 10 sessions, gateway / direct", "50 streams of 10 sessions, gateway / SSH alone",
	}
}
