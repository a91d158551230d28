package bench

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"wrpdistributor/internal/proctest"
)

const (
	requests = 50 // of one client, each round and way
	many     = 50 // clients at once
	each     = 40 // requests of one of many clients
	oneBytes = 64 << 20
	allBytes = 4 << 20 // of one of many streams
	megabyte = 1e6

	// What is to be reached.
	addedMost    = 1.0 // ms
	carriesLeast = 1.0 / 4
)

// A way leads to WRP: its published port, or the gateway.
type way struct {
	name   string
	base   string // URL
	token  string
	client *http.Client

	request, clients, stream, streams samples
}

func newWay(name, address, token string) *way {
	return &way{name: name, base: "http://" + address, token: token, client: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: many},
		Timeout:   answerTime,
	}}
}

// measureGateway uses one container by both ways, in turn.
func (b *bench) measureGateway(t *testing.T) {
	b.prepareDocker(t)
	listen := proctest.FreeAddr(t)
	ports := proctest.FreeRange(t, 2*portsEach)
	raw := connectRaw(t, b.sshd, ports, b.wrpFields())
	s := b.startService(t, "gateway", ports+portsEach, 0, "GATEWAY_LISTEN="+listen)
	got, _ := s.put(b.ctx)
	if got.URL != listen {
		t.Fatalf("PUT hands over %s, want the gateway's %s", got.URL, listen)
	}
	ways := []*way{newWay("direct", publishedAt(b.ctx, t, raw, s.id), got.Token), newWay("gateway", got.URL, got.Token)}
	for _, w := range ways {
		t.Cleanup(w.client.CloseIdleConnections)
		if err := w.warmUp(b.ctx); err != nil {
			t.Fatal(err)
		}
	}
	for i := range b.rounds {
		if err := measureWays(b.ctx, ways); err != nil {
			t.Fatalf("%v\n%s", err, s.proc.Output())
		}
		b.say("round %d of %d: direct %.0f MB/s, gateway %.0f MB/s\n", i+1, b.rounds, ways[0].stream[i], ways[1].stream[i])
	}
	s.delete(b.ctx)
	s.awaitIdle(b.ctx, raw)
	reportWays(&b.report, ways[0], ways[1])
}

// publishedAt asks Docker for the port of the only container.
func publishedAt(ctx context.Context, t *testing.T, raw *rawHost, databaseID string) string {
	t.Helper()
	list, err := raw.list(ctx, labelOfDB+"="+databaseID)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d containers, %v, want 1", len(list), err)
	}
	for _, p := range list[0].Ports {
		if p.PublicPort != 0 && p.IP == "127.0.0.1" {
			return net.JoinHostPort(p.IP, strconv.Itoa(int(p.PublicPort)))
		}
	}
	t.Fatalf("the container is not published on 127.0.0.1: %+v", list[0].Ports)
	return ""
}

// measureWays is one round.
func measureWays(ctx context.Context, ways []*way) error {
	for range requests {
		for _, w := range ways {
			begun := time.Now()
			if _, err := w.get(ctx, "/"); err != nil {
				return err
			}
			w.request.add(time.Since(begun))
		}
	}
	for _, w := range ways {
		if err := w.rate(ctx, &w.clients, many, each, "/", func(_ int64, n int) float64 { return float64(n) }); err != nil {
			return err
		}
	}
	volume := func(bytes int64, _ int) float64 { return float64(bytes) / megabyte }
	for _, w := range ways {
		if err := w.rate(ctx, &w.stream, 1, 1, big(oneBytes), volume); err != nil {
			return err
		}
	}
	for _, w := range ways {
		if err := w.rate(ctx, &w.streams, many, 1, big(allBytes), volume); err != nil {
			return err
		}
	}
	return nil
}

func big(bytes int) string { return "/img/big?bytes=" + strconv.Itoa(bytes) }

// warmUp makes the connections that are kept.
func (w *way) warmUp(ctx context.Context) error {
	var unused samples
	return w.rate(ctx, &unused, many, 2, "/", func(int64, int) float64 { return 0 })
}

// rate has many clients get a page each times, and adds what was done per second.
func (w *way) rate(ctx context.Context, to *samples, clients, each int, path string, done func(bytes int64, n int) float64) error {
	sizes := make([]int64, clients)
	begun := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	for i := range clients {
		g.Go(func() error {
			for range each {
				n, err := w.get(ctx, path)
				if err != nil {
					return err
				}
				sizes[i] += n
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	took := time.Since(begun)
	var bytes int64
	for _, n := range sizes {
		bytes += n
	}
	*to = append(*to, done(bytes, clients*each)/took.Seconds())
	return nil
}

// get returns the length of a page, once it has all been read.
func (w *way) get(ctx context.Context, path string) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.base+path, http.NoBody)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Bearer", w.token)
	resp, err := w.client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", w.name, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s: %s answers %s", w.name, path, resp.Status)
	}
	return io.Copy(io.Discard, resp.Body)
}

func reportWays(r *report, direct, gateway *way) {
	for _, w := range []*way{direct, gateway} {
		r.row(w.name+": request", "ms", w.request)
		r.row(w.name+": 50 clients", "req/s", w.clients)
		r.row(w.name+": 1 stream", "MB/s", w.stream)
		r.row(w.name+": 50 streams", "MB/s", w.streams)
	}
	r.atMost("gateway adds to a request", gateway.request.median()-direct.request.median(), addedMost, "ms")
	r.atLeast("1 stream, gateway / direct", gateway.stream.median()/direct.stream.median(), carriesLeast, "")
	r.atLeast("50 streams, gateway / direct", gateway.streams.median()/direct.streams.median(), carriesLeast, "")
}
