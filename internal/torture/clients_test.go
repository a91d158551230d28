package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
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
	a.code, a.body = c.roundTrip(ctx, &a, addr, method)
	a.end = c.ledger.now()
	c.ledger.count("answers", fmt.Sprintf("%s %d", method, a.code))
	token := about{client: c.number, token: a.token}
	c.ledger.add(a.begin, token, "client %d: %s to %s = %s", c.number, method, addr, a)
	return a
}

// handedOver is what old clients can read, and nothing else.
var handedOverXML = regexp.MustCompile(`^<xml><wrpUrl>([0-9.]+:[0-9]+)</wrpUrl><token>([0-9a-f]{40})</token></xml>$`)

func (c *client) roundTrip(ctx context.Context, a *answer, addr, method string) (int, string) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+addr+"/", http.NoBody)
	if err != nil {
		return 0, err.Error()
	}
	req.Header.Set("Bearer", authToken)
	req.Header.Set("User-Agent", c.agent())
	// Without kept connections nothing is sent twice behind our back.
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, "cut off after " + resp.Status + ": " + err.Error()
	}
	if method == http.MethodPut {
		a.url, a.token = resp.Header.Get("X-Wrp-Url"), resp.Header.Get("X-Wrp-Token")
		if m := handedOverXML.FindSubmatch(body); m != nil {
			a.url, a.token = string(m[1]), string(m[2])
		}
	}
	return resp.StatusCode, string(body)
}

func (c *client) any() string { return c.addrs[c.rng.IntN(len(c.addrs))] }

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

// look visits the session's own address.
func (c *client) look(ctx context.Context) { c.mustServe(ctx, "I4", c.ledger.now()) }

// mustServe checks that the session's WRP answers, or that it is known why not.
func (c *client) mustServe(ctx context.Context, rule string, since time.Duration) {
	if len(c.gateways) > 0 {
		c.mustServePrivately(ctx, since)
		return
	}
	rec := c.held
	code, err := visit(ctx, rec)
	if code != http.StatusOK {
		select {
		case <-ctx.Done():
			return
		case <-time.After(secondLook):
		}
		code, err = visit(ctx, rec)
	}
	if ctx.Err() != nil {
		return
	}
	excuse := c.ledger.excuse(rec)
	c.ledger.count("visits", fmt.Sprint(code))
	c.ledger.add(since, rec.about, "client %d: its WRP on %s = %d %v, %s", c.number, rec.url, code, err, excuse)
	switch {
	case code == http.StatusOK:
	case excuse != "":
		c.held = nil
	case !c.ledger.cutOff(c.ledger.hostOf(rec), since, c.ledger.now()) && !c.ledger.isPaused(rec):
		c.ledger.violation(rule, rec.about, "client %d: WRP on %s, token %.8s = %d %v, and nobody ended it", c.number, rec.url, rec.token, code, err)
		c.held = nil
	}
}

// visit asks a session's WRP for its page, through any gateway if there are some.
func (c *client) visit(ctx context.Context, rec *record) int {
	if len(c.gateways) > 0 {
		return c.exchange(ctx, c.gateways[c.rng.IntN(len(c.gateways))], "/", rec).code
	}
	code, _ := visit(ctx, rec)
	return code
}

// visit asks a session's WRP for its page.
func visit(ctx context.Context, rec *record) (int, error) {
	return get(ctx, "http://"+rec.url+"/", rec.token)
}

func get(ctx context.Context, url, token string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, visitTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Bearer", token)
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// extend keeps the session alive. The answer is the same without one, but the
// table tells.
func (c *client) extend(ctx context.Context) {
	rec := c.held
	a := c.request(ctx, c.any(), http.MethodHead)
	if a.code != 0 && a.code != http.StatusNoContent && a.code != http.StatusServiceUnavailable {
		c.ledger.violation("the contract", c.about(), "client %d: HEAD = %s", c.number, a)
	}
	if rec != nil && a.code == http.StatusNoContent && c.ledger.isAged(rec) && c.justUsed(rec.token) {
		c.ledger.noteUsed(rec, a.begin)
	}
}

// end ends the session. The answer 202 promises that its container is gone.
func (c *client) end(ctx context.Context) {
	rec := c.held
	why := ""
	if rec != nil {
		why = c.ledger.excuse(rec)
		c.ledger.set(func() { rec.deleted, rec.settled = true, 0 })
	}
	a := c.request(ctx, c.any(), http.MethodDelete)
	c.held = nil
	switch a.code {
	case 0:
		c.loose = a.end + looseTime
		return
	case http.StatusServiceUnavailable:
		c.settle(rec, a.end)
		return
	case http.StatusAccepted, http.StatusNoContent:
	default:
		c.ledger.violation("the contract", c.about(), "client %d: DELETE = %s", c.number, a)
	}
	if rec == nil || why != "" || c.ledger.accident(rec) != "" {
		return
	}
	c.ledger.set(func() { rec.ended = a.end })
	if a.code == http.StatusNoContent {
		c.ledger.violation("I4 and I6", rec.about, "client %d: DELETE = %s, but it has session %.8s on %s, which nobody ended", c.number, a, rec.token, rec.url)
		return
	}
	if code := c.visit(ctx, rec); code == http.StatusOK {
		c.ledger.violation("I1", rec.about, "client %d: its WRP on %s still answers after DELETE = 202", c.number, rec.url)
	}
}

// settle notes that what a client asked of its session was answered.
func (c *client) settle(rec *record, when time.Duration) {
	if rec != nil {
		c.ledger.set(func() { rec.settled = when })
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

// shutDown ends the session by way of WRP itself, which anybody may.
func (c *client) shutDown(ctx context.Context) {
	if len(c.gateways) > 0 {
		c.tryToShutDown(ctx)
		return
	}
	if code, _ := visit(ctx, c.held); code != http.StatusOK {
		return // it would be another's
	}
	c.ledger.noteKilled(c.held.token, c.held.host, "/shutdown/")
	_, _ = get(ctx, "http://"+c.held.url+"/shutdown/", "") // how it ends is looked at later
}

// rest does nothing for a while, or longer if the torture wants to see what
// becomes of a session that nobody uses.
func (c *client) rest(ctx context.Context) {
	if c.held == nil {
		return
	}
	n := c.rests.begin(c.held)
	select {
	case <-ctx.Done():
	case <-n.over:
	case <-time.After(time.Duration(500+c.rng.IntN(2500)) * time.Millisecond):
		if !c.rests.end(n) {
			select {
			case <-n.over:
			case <-ctx.Done():
			}
		}
	}
}

// rests are the clients that do nothing just now. It is safe for concurrent use.
type rests struct {
	mu   sync.Mutex
	list map[*rest]bool
}

type rest struct {
	rec  *record
	over chan struct{} // closed by who has taken it
}

func (n *rests) begin(rec *record) *rest {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.list == nil {
		n.list = make(map[*rest]bool)
	}
	p := &rest{rec, make(chan struct{})}
	n.list[p] = true
	return p
}

// end ends a nap, unless it was taken.
func (n *rests) end(p *rest) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	defer delete(n.list, p)
	return n.list[p]
}

func (n *rests) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.list)
}

// holdAll makes all naps last until their channels are closed.
func (n *rests) holdAll() []*rest {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []*rest
	for p := range n.list {
		all = append(all, p)
	}
	clear(n.list)
	return all
}
