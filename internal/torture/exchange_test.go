package torture

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"wrpdistributor/internal/proctest"
)

const (
	visitors = 4 // one of so many clients keeps its session by visits alone

	exchangePause    = 300 * time.Millisecond
	exchangePatience = 20 * time.Second // that a client goes on trying
	quietTime        = 6 * time.Second  // after which nothing of a trouble is left
	unusedTooShort   = 40               // seconds, more than FREEZE_AFTER, less than a session may be idle
	unused           = 300              // seconds, less than a session may be idle

	anotherUse = 2 * time.Second // after the one before
)

// An exchange is what came of a request through a gateway.
type exchange struct {
	gateway    string
	code       int    // zero: no answer came
	body       string // the beginning
	container  string // which container says that it answers
	err        error
	begin, end time.Duration
}

func (e exchange) String() string {
	return fmt.Sprintf("%s = %d %v %.200q", e.gateway, e.code, e.err, e.body)
}

// denies reports whether the gateway says that there is no such session.
func (e exchange) denies() bool {
	switch e.code {
	case http.StatusUnauthorized, http.StatusTooManyRequests, http.StatusGone:
		return true
	}
	return strings.Contains(e.body, "has just ended")
}

// exchange asks for a path of a session's WRP through a gateway.
func (c *client) exchange(ctx context.Context, gateway, path string, rec *record) exchange {
	ctx, cancel := context.WithTimeout(ctx, visitTime)
	defer cancel()
	e := exchange{gateway: gateway, begin: c.ledger.now()}
	a, err := proctest.Do(ctx, proctest.Request{Method: http.MethodGet, URL: "http://" + gateway + "/", Path: path, Token: rec.token})
	e.code, e.body, e.container, e.err = a.Code, a.Body, a.Header.Get("X-Standin"), err
	e.end = c.ledger.now()
	c.ledger.count("visits", fmt.Sprint(e.code))
	c.ledger.add(e.begin, about{client: c.number, token: rec.token}, "client %d: GET %s of %.8s at %s", c.number, path, rec.token, e)
	if e.code == http.StatusOK {
		c.ledger.answeredBy(rec, e)
	}
	return e
}

// answeredBy notes which container answers for a token. It must always be the same,
// and answer for no other.
func (l *ledger) answeredBy(rec *record, e exchange) {
	l.mu.Lock()
	token, who := l.answerers[e.container], l.answerers[rec.token]
	l.answerers[e.container], l.answerers[rec.token] = rec.token, e.container
	container := l.rows[rec.token].Container
	l.mu.Unlock()
	if token != "" && token != rec.token || who != "" && who != e.container || e.container == "" || !strings.HasPrefix(container, e.container) && container != "" {
		l.violation("G1", rec.about, "client %d: token %.8s is answered by %q, before by %q; its container is %.12s, and that one answered for %.8s",
			rec.client, rec.token, e.container, who, container, token)
	}
}

// mustServePrivately checks that one of these gateways shows the session, or that
// it is known why not. What a slow machine could do as well, as no answer in
// time, is wrong only if it goes on without any trouble.
func (c *client) mustServePrivately(ctx context.Context, since time.Duration, gateways ...string) {
	rec := c.held
	failed := make(map[string]time.Duration) // gateways, and since when without an excuse
	for n := c.rng.IntN(len(gateways)); ctx.Err() == nil; n++ {
		e := c.exchange(ctx, gateways[n%len(gateways)], "/", rec)
		if e.code == http.StatusOK {
			c.noteUse(rec, e)
			return
		}
		if ctx.Err() != nil || c.explained(rec, e, since, failed) {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(exchangePause):
		}
	}
}

// explained reports whether there is no use in asking again after that exchange:
// it is known why the session is not served, or that it should have been.
func (c *client) explained(rec *record, e exchange, since time.Duration, failed map[string]time.Duration) bool {
	host := c.ledger.hostOf(rec)
	quiet := c.ledger.quiet(host, e)
	excuse := c.ledger.excuse(rec)
	switch {
	case excuse != "":
		c.ledger.add(e.end, rec.about, "client %d: as expected, %s", c.number, excuse)
	case e.denies():
		c.ledger.violation("G1", rec.about, "client %d: token %.8s at %s, and nobody ended it", c.number, rec.token, e)
	case c.ledger.cutOff(host, since, e.end), !quiet && e.end > since+exchangePatience:
		c.ledger.count("visits", "given up")
		return true
	case !quiet:
		delete(failed, e.gateway)
		return false
	case failed[e.gateway] == 0:
		failed[e.gateway] = e.begin
		return false
	case e.end < failed[e.gateway]+deadline:
		return false
	default:
		c.ledger.violation("G1", rec.about, "client %d: token %.8s at %s, for %s without trouble", c.number, rec.token, e, deadline)
	}
	c.held = nil
	return true
}

// quiet reports whether nothing disturbed the way through any gateway, neither
// then nor just before.
func (l *ledger) quiet(host string, e exchange) bool {
	from := e.begin - quietTime
	return !l.disturbed(from, e.end) && !l.troubled(from, e.end, func(tr *trouble) bool {
		reaches := tr.kind != "connections dropped" && tr.kind != "sshd frozen" && tr.kind != "engine frozen" && tr.kind != "slow engine"
		return (tr.cutsOff || !reaches) && (host == "" || tr.host == address(host))
	})
}

// noteUse notes that a visit was use. One that is not written down yet does not
// help a session that was made to look idle; the table tells.
func (c *client) noteUse(rec *record, e exchange) {
	if c.ledger.isAged(rec) && c.justUsed(rec.token) {
		c.ledger.noteUsed(rec, e.begin)
	}
}

// withVisits is what a client does that sends no HEAD.
func (c *client) withVisits(ctx context.Context) {
	switch n := c.rng.IntN(100); {
	case n < 70:
		c.look(ctx)
	case n < 80:
		c.leave(ctx)
	case n < 85:
		c.end(ctx)
	case n < 87:
		c.shutDown(ctx)
	default:
		c.rest(ctx)
	}
}

// use keeps the session, in the client's own way.
func (c *client) use(ctx context.Context) {
	if c.visitor && c.held != nil {
		c.look(ctx)
		return
	}
	c.start(ctx)
}

// leave begins a visit and resets the connection in the middle of it.
func (c *client) leave(ctx context.Context) {
	gateway := c.gateways[c.rng.IntN(len(c.gateways))]
	nc, err := net.DialTimeout("tcp", gateway, time.Second)
	if err != nil {
		return
	}
	path := []string{"/", "/img/big?bytes=3000000"}[c.rng.IntN(2)]
	fmt.Fprintf(nc, "GET %s HTTP/1.0\r\nBearer: %s\r\n\r\n", path, c.held.token)
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(c.rng.IntN(40)) * time.Millisecond):
	}
	nc.(*net.TCPConn).SetLinger(0)
	nc.Close()
	c.ledger.count("visits", "cut off")
	c.ledger.add(c.ledger.now(), c.held.about, "client %d: GET %s at %s, cut off", c.number, path, gateway)
}

// tryToShutDown asks a gateway for WRP's own end, in one of the ways to write
// it. The session must go on.
func (c *client) tryToShutDown(ctx context.Context) {
	paths := []string{"/shutdown/", "/shutdown", "//shutdown/", "/x/../shutdown/", "/%73hutdown/", "/./shutdown/", "/shutdown/x", "/SHUTDOWN/"}
	path := paths[c.rng.IntN(len(paths))]
	e := c.exchange(ctx, c.gateways[c.rng.IntN(len(c.gateways))], path, c.held)
	if strings.Contains(e.body, "stand-in shuts down") {
		c.ledger.violation("G1", c.held.about, "client %d: GET %s ends the container: %s", c.number, path, e)
	}
	c.mustServePrivately(ctx, e.begin, c.gateways...)
}
