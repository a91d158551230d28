package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"time"

	"wrpdistributor/internal/proctest"
)

const (
	patience   = 25 * time.Second // of a client with a request: longer than a start may take
	shortWait  = 20 * time.Millisecond
	longWait   = 300 * time.Millisecond
	visitTime  = 3 * time.Second
	secondLook = 500 * time.Millisecond // what is wrong must be so twice
	looseTime  = 40 * time.Second       // in which a request that was not answered may still be carried out
)

// A client is one retro computer: it asks for a session, uses it, and ends it,
// at any of the distributors. It knows at all times what it may expect.
type client struct {
	number   int
	ledger   *ledger
	addrs    []string // of the distributors
	gateways []string // of the distributors; none: it connects to the hosts
	visitor  bool     // keeps its session by visits alone
	rng      *rand.Rand
	rests    *rests
	justUsed func(token string) bool // the table says that the session was used just now
	nudges   chan nudge

	held  *record       // the session it was told of last; nil: none, or it cannot know
	wait  time.Duration // before the next request, at least
	loose time.Duration // until then a DELETE that was not answered may still be carried out
}

// An answer is what came of a request.
type answer struct {
	code       int // zero: none came
	body       string
	url, token string // of a session
	begin, end time.Duration
}

func (a answer) String() string {
	switch {
	case a.code == 0:
		return "no answer: " + a.body
	case a.token != "":
		return fmt.Sprintf("%d %s token %.8s", a.code, a.url, a.token)
	}
	return fmt.Sprintf("%d %.120s", a.code, a.body)
}

func (c *client) about() about { return about{client: c.number} }

func (c *client) agent() string { return fmt.Sprintf("torture client %d", c.number) }

// run lives until ctx is done.
func (c *client) run(ctx context.Context) {
	for c.pause(ctx) {
		switch {
		case c.held == nil:
			c.without(ctx)
		default:
			c.with(ctx)
		}
	}
}

// A nudge is what makes a client do something at the worst moment.
type nudge struct {
	within time.Duration // chosen at random
	do     func(*client, context.Context)
}

// pause waits a moment, or does what a nudge says.
func (c *client) pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(c.wait + time.Duration(c.rng.IntN(300))*time.Millisecond):
		return true
	case n := <-c.nudges:
		select {
		case <-ctx.Done():
			return false
		case <-time.After(time.Duration(c.rng.Int64N(int64(n.within)))):
		}
		n.do(c, ctx)
	}
	return ctx.Err() == nil
}

// without is what a client does that has no session.
func (c *client) without(ctx context.Context) {
	switch n := c.rng.IntN(100); {
	case n < 60:
		c.start(ctx)
	case n < 75:
		c.startTwice(ctx)
	case n < 80:
		c.giveUp(ctx, c.start)
	case n < 85:
		c.changeMind(ctx)
	case n < 90:
		c.extend(ctx)
	case n < 95:
		c.end(ctx)
	default:
		c.startAndEnd(ctx)
	}
}

// with is what a client does that has a session.
func (c *client) with(ctx context.Context) {
	if c.visitor {
		c.withVisits(ctx)
		return
	}
	switch n := c.rng.IntN(100); {
	case n < 25:
		c.extend(ctx)
	case n < 55:
		c.look(ctx)
	case n < 75:
		c.start(ctx)
	case n < 80:
		c.startTwice(ctx)
	case n < 85:
		c.giveUp(ctx, c.start)
	case n < 93:
		c.end(ctx)
	case n < 95:
		c.startAndEnd(ctx)
	case n < 96:
		c.shutDown(ctx)
	default:
		c.rest(ctx)
	}
}

// request sends a request to any distributor and notes what came of it.
func (c *client) request(ctx context.Context, addr, method string) answer {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	a := answer{begin: c.ledger.now()}
	c.ask(ctx, &a, addr, method)
	a.end = c.ledger.now()
	c.ledger.count("answers", fmt.Sprintf("%s %d", method, a.code))
	token := about{client: c.number, token: a.token}
	c.ledger.add(a.begin, token, "client %d: %s to %s = %s", c.number, method, addr, a)
	return a
}

// handedOverXML is what old clients can read, and nothing else.
var handedOverXML = regexp.MustCompile(`^<xml><wrpUrl>([0-9.]+:[0-9]+)</wrpUrl><token>([0-9a-f]{40})</token></xml>$`)

// ask sends a request and fills in what was answered.
func (c *client) ask(ctx context.Context, a *answer, addr, method string) {
	got, err := proctest.Do(ctx, proctest.Request{Method: method, URL: "http://" + addr + "/", Token: authToken, Agent: c.agent()})
	if err != nil {
		a.body = err.Error()
		return
	}
	a.code, a.body = got.Code, got.Body
	if method == http.MethodPut {
		a.url, a.token = got.Header.Get("X-Wrp-Url"), got.Header.Get("X-Wrp-Token")
		if m := handedOverXML.FindStringSubmatch(got.Body); m != nil {
			a.url, a.token = m[1], m[2]
		}
	}
}

func (c *client) any() string { return c.addrs[c.rng.IntN(len(c.addrs))] }
