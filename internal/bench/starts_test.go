package bench

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sync/errgroup"

	"wrpdistributor/internal/pretend"
)

// startersAtOnce is how many clients ask for sessions at once.
const startersAtOnce = 16

// A startLoad is clients that ask for sessions where others have some already.
type startLoad struct {
	*world
	cold rates
}

func (s *startLoad) name() string {
	return fmt.Sprintf("PUT, %s, %s", s.dialect, count(s.sessions, "sessions"))
}

// measureStarts measures sessions that begin where there are few and where there are
// many, and between them containers that are started without the service.
func (b *bench) measureStarts(t *testing.T) {
	for _, dialect := range dialects() {
		few := &startLoad{world: b.newWorld(t, plan{dialect: dialect, hosts: b.scaled(100), sessions: b.scaled(100)}).serve()}
		many := &startLoad{world: b.newWorld(t, plan{dialect: dialect, hosts: b.scaled(100), sessions: b.scaled(5000)}).serve()}
		var raw rates
		floor := connectMany(t, few.world)
		err := b.repeatRounds(func(round int) error {
			for _, s := range []*startLoad{few, many} {
				if err := s.measure(round); err != nil {
					return err
				}
			}
			return b.measureRaw(floor, &raw)
		})
		if err != nil {
			t.Fatal(err)
		}
		reportStarts(&b.report, dialect, few, many, &raw)
		few.end()
		many.end()
	}
}

// measure has clients start sessions, and ends those.
func (s *startLoad) measure(round int) error {
	agent := func(who, n int) string { return fmt.Sprintf("AmiFox (new %d %d %d)", round, who, n) }
	counts, err := s.b.send(&s.cold, load{s.addr, startersAtOnce, http.StatusAccepted, func(who, n int) []byte {
		return request(http.MethodPut, authToken, agent(who, n))
	}})
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", s.name(), err, tail(s.proc.Output()))
	}
	if err := s.stop(counts, agent); err != nil {
		return err
	}
	s.settled(0)
	return nil
}

// stop ends the sessions of clients.
func (w *world) stop(counts []int, agent func(who, n int) string) error {
	g, ctx := errgroup.WithContext(w.b.ctx)
	for who, n := range counts {
		g.Go(func() error {
			v, err := newVisitor(ctx, w.addr)
			if err != nil {
				return err
			}
			defer v.close()
			for i := range n {
				code, body, err := v.do(request(http.MethodDelete, authToken, agent(who, i)))
				if err != nil || code != http.StatusAccepted {
					return fmt.Errorf("DELETE: %d %q, %w", code, body, err)
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// connectMany connects to hosts without the service, as many as start containers at
// once.
func connectMany(t *testing.T, w *world) []*rawHost {
	t.Helper()
	list := make([]*rawHost, startersAtOnce)
	for i := range list {
		h := w.farm.hosts[i%len(w.farm.hosts)]
		list[i] = connect(t, h.SSHAddr, loginOf(t, h), w.rawPort+i, w.b.wrpFields())
	}
	return list
}

func loginOf(t *testing.T, h pretend.ManifestHost) *ssh.ClientConfig {
	t.Helper()
	signer, err := h.Signer()
	if err != nil {
		t.Fatal(err)
	}
	key, err := h.PublicHostKey()
	if err != nil {
		t.Fatal(err)
	}
	return &ssh.ClientConfig{User: h.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: ssh.FixedHostKey(key)}
}

// measureRaw starts containers on all hosts at once. Their removal is not counted.
func (b *bench) measureRaw(hosts []*rawHost, to *rates) error {
	times := make([]samples, len(hosts))
	var unused rates
	_, err := b.repeat(&unused, len(hosts), func(ctx context.Context, who, _ int) error {
		r, err := hosts[who].round(ctx)
		if err != nil {
			return err
		}
		times[who].add(r.create + r.start + r.ready)
		return hosts[who].remove(ctx, r.id)
	})
	if err != nil {
		return fmt.Errorf("raw: %w", err)
	}
	var all samples
	for _, t := range times {
		all = append(all, t...)
	}
	to.p50, to.p99 = append(to.p50, all.quantile(0.5)), append(to.p99, all.quantile(0.99))
	return nil
}

func reportStarts(r *report, dialect string, few, many *startLoad, raw *rates) {
	few.cold.report(r, few.name())
	many.cold.report(r, many.name())
	r.row("raw: create + start + answer, 16 at once, "+dialect+", p50", "ms", raw.p50)
	r.atLeast("PUT/s, "+dialect+", many sessions / few", many.cold.rate.median()/few.cold.rate.median(), 0.85, "")
	r.atMost("PUT p50, "+dialect+", many sessions / few", many.cold.p50.median()/few.cold.p50.median(), 1.2, "")
	r.ratio("PUT p50, "+dialect+", few sessions / raw create + start + answer", few.cold.p50.median()/raw.p50.median())
}

func startLines(dialect string) []string {
	return []string{
		"raw: create + start + answer, 16 at once, " + dialect + ", p50",
		"PUT/s, " + dialect + ", many sessions / few", "PUT p50, " + dialect + ", many sessions / few",
		"PUT p50, " + dialect + ", few sessions / raw create + start + answer",
	}
}
