package torture

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"syscall"
	"time"

	"wrpdistributor/internal/proctest"
)

// look visits the session's own address.
func (c *client) look(ctx context.Context) { c.mustServe(ctx, "I4", c.ledger.now()) }

// mustServeEverywhere checks that a session is served by every way to it: by each
// gateway, or at its own address.
func (c *client) mustServeEverywhere(ctx context.Context) {
	if len(c.gateways) == 0 && c.held != nil {
		c.look(ctx)
	}
	for _, gateway := range c.gateways {
		if c.held != nil {
			c.mustServePrivately(ctx, c.ledger.now(), gateway)
		}
	}
}

// mustServe checks that the session's WRP answers, or that it is known why not.
func (c *client) mustServe(ctx context.Context, rule string, since time.Duration) {
	if len(c.gateways) > 0 {
		c.mustServePrivately(ctx, since, c.gateways...)
		return
	}
	rec := c.held
	code, err := c.visitOften(ctx, rec)
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

// visitOften visits a session until it is served, or definitely not: twice by a
// wrong answer or a refused connection. No answer may come of a slow machine too,
// and is taken for one only if that goes on without an excuse.
func (c *client) visitOften(ctx context.Context, rec *record) (code int, err error) {
	refusals := 0
	for begin := c.ledger.now(); ctx.Err() == nil && refusals < 2 && c.ledger.now() < begin+deadline; {
		if code, err = visit(ctx, rec); code == http.StatusOK {
			break
		}
		if code != 0 || errors.Is(err, syscall.ECONNREFUSED) {
			refusals++
		} else if c.ledger.excuse(rec) != "" || c.ledger.isPaused(rec) || c.ledger.cutOff(c.ledger.hostOf(rec), begin, c.ledger.now()) {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(secondLook):
		}
	}
	return code, err
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
	return get(ctx, proctest.Request{URL: "http://" + rec.url + "/", Token: rec.token})
}

// get sends a GET that is to be answered soon.
func get(ctx context.Context, r proctest.Request) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, visitTime)
	defer cancel()
	r.Method = http.MethodGet
	a, err := proctest.Do(ctx, r)
	return a.Code, err
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
	_, _ = get(ctx, proctest.Request{URL: "http://" + c.held.url + "/shutdown/"}) // how it ends is looked at later
}
