package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// rates is what is measured of many who do the same at once: of each time that it is
// measured, how often it was done in a second, and how long it took.
type rates struct {
	rate     samples // per second
	p50, p99 samples // ms
}

// repeat has so many do something again and again, each at least once, for as long
// as the bench measures at a time. It returns how often each did it.
func (b *bench) repeat(to *rates, atOnce int, do func(ctx context.Context, who, n int) error) (counts []int, err error) {
	times := make([]samples, atOnce)
	g, ctx := errgroup.WithContext(b.ctx)
	begun := time.Now()
	for who := range atOnce {
		g.Go(func() error {
			for n := 0; n == 0 || time.Since(begun) < b.window; n++ {
				before := time.Now()
				if err := do(ctx, who, n); err != nil {
					return err
				}
				times[who].add(time.Since(before))
			}
			return ctx.Err()
		})
	}
	err = g.Wait()
	took := time.Since(begun)
	var all samples
	for _, t := range times {
		counts, all = append(counts, len(t)), append(all, t...)
	}
	if err == nil {
		to.add(all, took)
	}
	return counts, err
}

// add adds one measurement, of all that was done in that time.
func (r *rates) add(all samples, took time.Duration) {
	r.rate = append(r.rate, float64(len(all))/took.Seconds())
	r.p50 = append(r.p50, all.quantile(0.5))
	r.p99 = append(r.p99, all.quantile(0.99))
}

// report adds the lines of one thing that was measured.
func (r *rates) report(to *report, name string) {
	to.row(name, "/s", r.rate)
	to.row(name+", p50", "ms", r.p50)
	to.row(name+", p99", "ms", r.p99)
}

// A load is what clients send at once, each on a kept connection.
type load struct {
	addr    string
	atOnce  int
	code    int                     // the answer that is wanted
	request func(who, n int) []byte // the nth of one client
}

// send measures a load. It returns how many requests each client sent.
func (b *bench) send(to *rates, l load) ([]int, error) {
	visitors := make([]*visitor, l.atOnce)
	for i := range visitors {
		v, err := newVisitor(b.ctx, l.addr)
		if err != nil {
			return nil, err
		}
		defer v.close()
		visitors[i] = v
	}
	// An answer that does not come must not keep the run for ever.
	for _, v := range visitors {
		if err := v.conn.SetDeadline(time.Now().Add(b.window + answerTime)); err != nil {
			return nil, err
		}
	}
	return b.repeat(to, l.atOnce, func(_ context.Context, who, n int) error {
		code, body, err := visitors[who].do(l.request(who, n))
		if err == nil && code != l.code {
			err = fmt.Errorf("answer %d %.200q, want %d", code, body, l.code)
		}
		return err
	})
}

// repeatRounds measures again and again until that was done as often as was asked for, or
// the part has used up its time.
func (b *bench) repeatRounds(measure func(round int) error) error {
	begun := time.Now()
	for round := range b.rounds {
		if round > 0 && time.Since(begun) > b.budget {
			b.say("after %d of %d rounds the time is used up\n", round, b.rounds)
			break
		}
		if err := errors.Join(measure(round), b.ctx.Err()); err != nil {
			return err
		}
	}
	return nil
}
