package bench

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"golang.org/x/sync/errgroup"

	"wrpdistributor/internal/proctest"
)

const streamed = 10 // sessions that have streams at once

// measureStreams measures many streams of several sessions through the gateway, and
// the same from the published ports, on this machine's Docker and OpenSSH.
func (b *bench) measureStreams(t *testing.T) {
	b.prepareDocker(t)
	listen := proctest.FreeAddr(t)
	ports := proctest.FreeRange(t, streamed+sparePorts)
	s := b.startService(t, "streams", ports, 0, "GATEWAY_LISTEN="+listen, fmt.Sprint("MAX_CONTAINERS_RUNNING=", streamed))
	direct, gateway := s.startStreamed(b.ctx, listen)
	var past, through samples
	err := b.repeatRounds(func(round int) error {
		if round == 0 { // makes the connections that are kept
			if err := stream(b.ctx, new(samples), gateway, b.streamBytes()); err != nil {
				return err
			}
		}
		if err := stream(b.ctx, &past, direct, b.streamBytes()); err != nil {
			return err
		}
		return stream(b.ctx, &through, gateway, b.streamBytes())
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, tail(s.proc.Output()))
	}
	b.report.row("direct: 50 streams of 10 sessions", "MB/s", past)
	b.report.row("gateway: 50 streams of 10 sessions", "MB/s", through)
	b.report.atLeast("50 streams of 10 sessions, gateway / direct", through.median()/past.median(), carriesLeast, "")
}

// streamBytes is what one of the streams has.
func (b *bench) streamBytes() int { return max(allBytes/b.divide, 64<<10) }

// startStreamed starts sessions, and returns both ways to each.
func (s *service) startStreamed(ctx context.Context, listen string) (direct, gateway []*way) {
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
		var port int
		if err == nil {
			err = db.GetContext(ctx, &port, `SELECT port FROM sessions WHERE token = ?`, got.Token)
		}
		if err != nil {
			s.t.Fatal(err)
		}
		direct = append(direct, newWay("direct", fmt.Sprint("127.0.0.1:", port), got.Token))
		gateway = append(gateway, newWay("gateway", listen, got.Token))
	}
	for _, w := range append(direct, gateway...) {
		s.t.Cleanup(w.client.CloseIdleConnections)
	}
	return direct, gateway
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
