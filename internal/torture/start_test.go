package torture

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// start asks for a session, or for the one it has.
func (c *client) start(ctx context.Context) {
	before := c.held
	a := c.request(ctx, c.any(), http.MethodPut)
	c.checkStart(a, before)
	c.take(ctx, a)
}

// checkStart says whether a PUT may be answered like this by whom held before.
func (c *client) checkStart(a answer, before *record) {
	wrong := func(rule, format string, args ...any) {
		c.ledger.violation(rule, about{c.number, address(a.url), a.token}, "client %d: PUT = %s: %s", c.number, a, fmt.Sprintf(format, args...))
	}
	switch {
	case a.code == http.StatusServiceUnavailable && strings.Contains(a.body, "stopped while it started"):
		if a.begin > c.loose && !c.ledger.disturbed(a.begin, a.end) {
			wrong("I3", "nobody stopped it, a start under way is its starter's")
		}
		return
	case a.code == http.StatusServiceUnavailable && strings.Contains(a.body, "Could not find an available containerHost"):
		c.ledger.refuse(refusal{c.number, a})
		return
	case a.code == 0, a.code == http.StatusServiceUnavailable:
		return
	case a.code != http.StatusAccepted && a.code != http.StatusNoContent:
		wrong("the contract", "no such answer")
		return
	case a.token == "":
		wrong("the contract", "it does not say where the session is")
		return
	}
	if rec := c.ledger.handedOver(c.number, a.url, a.token); rec.client != c.number {
		wrong("I2", "it is the session of client %d", rec.client)
	} else if a.code == http.StatusAccepted && c.ledger.deadBefore(rec, a.begin) {
		wrong("I3", "its container was dead before it was asked for")
	}
	if before == nil || before.token == a.token {
		return
	}
	if c.ledger.excuse(before) == "" {
		c.ledger.violation("I4 and I6", about{c.number, before.host, before.token},
			"client %d: PUT = %s, but it has session %.8s on %s, which nobody ended", c.number, a, before.token, before.url)
	}
}

// take makes a session that a PUT told of the one that is held, and looks
// whether it is there.
func (c *client) take(ctx context.Context, a answer) {
	c.wait = shortWait
	if a.token == "" {
		c.wait = longWait // as people do who are told to try again later
		return
	}
	rec := c.ledger.handedOver(c.number, a.url, a.token)
	c.ledger.noteUsed(rec, a.begin)
	c.ledger.set(func() {
		if rec.ended == 0 && rec.settled > 0 && a.begin > rec.settled {
			rec.deleted = false // its end was asked for in vain
		}
	})
	c.held = rec
	if c.ledger.endedBefore(rec, a.begin) {
		c.ledger.violation("I2", rec.about, "client %d: PUT = %s: that session was ended by DELETE before", c.number, a)
	}
	if a.code == http.StatusAccepted {
		c.mustServe(ctx, "I3", a.begin)
	}
}

// startTwice asks for a session at all distributors at once.
func (c *client) startTwice(ctx context.Context) { c.startMany(ctx, 1+len(c.addrs), 0) }

// startOften asks again and again, as somebody does who does not like to wait.
func (c *client) startOften(ctx context.Context) { c.startMany(ctx, 8, 15*time.Millisecond) }

// startMany asks for a session n times, each time a little later.
func (c *client) startMany(ctx context.Context, n int, later time.Duration) {
	before := c.held
	answers := make([]answer, n)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() {
			time.Sleep(time.Duration(i) * later)
			answers[i] = c.request(ctx, c.addrs[i%len(c.addrs)], http.MethodPut)
		})
	}
	wg.Wait()
	var told []answer
	for _, a := range answers {
		c.checkStart(a, before)
		if a.token != "" {
			told = append(told, a)
		}
	}
	if len(told) == 0 {
		c.wait = longWait
		return
	}
	first := c.ledger.handedOver(c.number, told[0].url, told[0].token)
	for _, a := range told {
		other := c.ledger.handedOver(c.number, a.url, a.token)
		if other != first && c.ledger.excuse(first) == "" && c.ledger.excuse(other) == "" {
			c.ledger.violation("I2", first.about, "client %d: PUTs at once gave it %s and %s", c.number, told[0], a)
		}
	}
	c.held = nil
	c.take(ctx, told[len(told)-1])
}

// startAndEnd asks for a new session, and for its end a moment later: either may
// win.
func (c *client) startAndEnd(ctx context.Context) {
	if c.held != nil {
		c.end(ctx)
	}
	c.held = nil
	var started, ended answer
	var wg sync.WaitGroup
	later := time.Duration(c.rng.IntN([]int{30, 300}[c.rng.IntN(2)])) * time.Millisecond
	wg.Go(func() { started = c.request(ctx, c.addrs[0], http.MethodPut) })
	wg.Go(func() {
		time.Sleep(later)
		ended = c.request(ctx, c.addrs[len(c.addrs)-1], http.MethodDelete)
	})
	wg.Wait()
	if ended.code == 0 {
		c.loose = ended.end + looseTime
	}
	if started.token != "" {
		rec := c.ledger.handedOver(c.number, started.url, started.token)
		c.ledger.set(func() { rec.deleted, rec.settled = true, 0 })
		if ended.code != 0 {
			c.settle(rec, max(started.end, ended.end))
		}
	}
}

// changeMind stops asking for a session, and wants it all the same.
func (c *client) changeMind(ctx context.Context) { c.giveUp(ctx, c.startOften) }

// giveUp asks for a session and resets the connection a moment later, as the
// stop button of a browser may do, and asks again before or after that. What was
// begun goes on, and must not harm who asked again.
func (c *client) giveUp(ctx context.Context, again func(context.Context)) {
	begin, addr := c.ledger.now(), c.any()
	nc, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return
	}
	fmt.Fprintf(nc, "PUT / HTTP/1.0\r\nBearer: %s\r\nUser-Agent: %s\r\n\r\n", authToken, c.agent())
	var leaving sync.WaitGroup
	after := time.Duration(c.rng.IntN(60)) * time.Millisecond
	leaving.Go(func() {
		time.Sleep(after)
		nc.(*net.TCPConn).SetLinger(0)
		nc.Close()
		c.ledger.count("answers", "PUT given up")
		c.ledger.add(begin, c.about(), "client %d: PUT to %s, given up", c.number, addr)
	})
	if c.rng.IntN(2) == 0 {
		leaving.Wait()
	}
	again(ctx)
	leaving.Wait()
}
