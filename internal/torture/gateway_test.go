package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/jmoiron/sqlx"
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

// A exchange is what came of a request through a gateway.
type exchange struct {
	gateway    string
	code       int    // zero: no answer came
	body       string // the beginning
	container  string // which container says that it answers
	err        error
	begin, end time.Duration
}

func (p exchange) String() string {
	return fmt.Sprintf("%s = %d %v %.200q", p.gateway, p.code, p.err, p.body)
}

// denies reports whether the gateway says that there is no such session.
func (p exchange) denies() bool {
	switch p.code {
	case http.StatusUnauthorized, http.StatusTooManyRequests, http.StatusGone:
		return true
	}
	return strings.Contains(p.body, "has just ended")
}

// exchange asks for a path of a session's WRP through a gateway.
func (c *client) exchange(ctx context.Context, gateway, path string, rec *record) exchange {
	p := exchange{gateway: gateway, begin: c.ledger.now()}
	p.code, p.body, p.err = c.askGateway(ctx, &p, path, rec.token)
	p.end = c.ledger.now()
	c.ledger.count("visits", fmt.Sprint(p.code))
	c.ledger.add(p.begin, about{client: c.number, token: rec.token}, "client %d: GET %s of %.8s at %s", c.number, path, rec.token, p)
	if p.code == http.StatusOK {
		c.ledger.answeredBy(rec, p)
	}
	return p
}

func (c *client) askGateway(ctx context.Context, p *exchange, path, token string) (int, string, error) {
	ctx, cancel := context.WithTimeout(ctx, visitTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.gateway+"/", http.NoBody)
	if err != nil {
		return 0, "", err
	}
	req.URL = &url.URL{Scheme: "http", Host: p.gateway, Opaque: path} // exactly as it is
	req.Header.Set("Bearer", token)
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	p.container = resp.Header.Get("X-Standin")
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err != nil {
		return 0, "", fmt.Errorf("cut off after %s: %w", resp.Status, err)
	}
	return resp.StatusCode, string(body), nil
}

// answeredBy notes which container answers for a token. It must always be the same,
// and answer for no other.
func (l *ledger) answeredBy(rec *record, p exchange) {
	l.mu.Lock()
	token, who := l.answerers[p.container], l.answerers[rec.token]
	l.answerers[p.container], l.answerers[rec.token] = rec.token, p.container
	container := l.rows[rec.token].Container
	l.mu.Unlock()
	if token != "" && token != rec.token || who != "" && who != p.container || p.container == "" || !strings.HasPrefix(container, p.container) && container != "" {
		l.violation("G1", rec.about, "client %d: token %.8s is answered by %q, before by %q; its container is %.12s, and that one answered for %.8s",
			rec.client, rec.token, p.container, who, container, token)
	}
}

// mustServePrivately checks that any gateway shows the session, or that it is known why
// not. A dead gateway is no excuse for the other.
func (c *client) mustServePrivately(ctx context.Context, since time.Duration) {
	rec := c.held
	wrong := make(map[string]time.Duration) // gateways that had no excuse, since when
	for n := c.rng.IntN(len(c.gateways)); ctx.Err() == nil; n++ {
		p := c.exchange(ctx, c.gateways[n%len(c.gateways)], "/", rec)
		excuse := c.ledger.excuse(rec)
		switch {
		case p.code == http.StatusOK:
			c.noteUse(rec, p)
			return
		case ctx.Err() != nil:
			return
		case excuse != "":
			c.ledger.add(p.end, rec.about, "client %d: no wonder, %s", c.number, excuse)
			c.held = nil
			return
		case p.denies():
			c.ledger.violation("G1", rec.about, "client %d: token %.8s at %s, and nobody ended it", c.number, rec.token, p)
			c.held = nil
			return
		case c.ledger.cutOff(c.ledger.hostOf(rec), since, p.end), p.end > since+exchangePatience:
			c.ledger.count("visits", "given up")
			return
		case !c.ledger.quiet(c.ledger.hostOf(rec), p):
			delete(wrong, p.gateway)
		case wrong[p.gateway] == 0:
			wrong[p.gateway] = p.begin
		case p.end > wrong[p.gateway]+secondLook:
			c.ledger.violation("G1", rec.about, "client %d: token %.8s at %s, twice, and all is well", c.number, rec.token, p)
			c.held = nil
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(exchangePause):
		}
	}
}

// quiet reports whether nothing disturbed the way through any gateway, neither
// then nor just before.
func (l *ledger) quiet(host string, p exchange) bool {
	from := p.begin - quietTime
	return !l.disturbed(from, p.end) && !l.troubled(from, p.end, func(tr *trouble) bool {
		reaches := tr.kind != "connections dropped" && tr.kind != "sshd frozen" && tr.kind != "engine frozen" && tr.kind != "slow engine"
		return (tr.cutsOff || !reaches) && (host == "" || tr.host == address(host))
	})
}

// noteUse notes that a visit was use. One that is not written down yet does not
// help a session that was made to look idle; the table tells.
func (c *client) noteUse(rec *record, p exchange) {
	if c.ledger.isAged(rec) && c.justUsed(rec.token) {
		c.ledger.noteUsed(rec, p.begin)
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
	p := c.exchange(ctx, c.gateways[c.rng.IntN(len(c.gateways))], path, c.held)
	if strings.Contains(p.body, "stand-in shuts down") {
		c.ledger.violation("G1", c.held.about, "client %d: GET %s ends the container: %s", c.number, path, p)
	}
	c.mustServePrivately(ctx, p.begin)
}

// lookUnusedBriefly makes sessions look as if nobody had used them for longer than it takes
// to freeze them, and shorter than it takes to end them.
func (x *torture) lookUnusedBriefly(ctx context.Context, s action) bool {
	recs := x.ledger.alive()
	if s.size%2 == 0 {
		recs = recs[:len(recs)/2]
	}
	return len(recs) > 0 && x.observer.setUnused(ctx, unusedTooShort, recs) == nil
}

// setUnused makes time pass for sessions that were used.
func (o *observer) setUnused(ctx context.Context, seconds int, recs []*record) error {
	var tokens []string
	for _, rec := range recs {
		tokens = append(tokens, rec.token)
		o.ledger.add(o.ledger.now(), rec.about, "session %.8s is made to look unused for %d s", rec.token, seconds)
	}
	query, args, err := sqlx.In(`UPDATE sessions SET lastUsed = UTC_TIMESTAMP() - INTERVAL ? SECOND
		WHERE state = 'running' AND lastUsed > UTC_TIMESTAMP() - INTERVAL ? SECOND AND token IN (?)`, seconds, seconds, tokens)
	if err != nil {
		return err
	}
	_, err = o.db.ExecContext(ctx, query, args...)
	return err
}

// checkNonePaused looks for containers that are paused though their rows do not say
// so, in two readings. Cleanup has just mended what those left who died over it.
func (x *torture) checkNonePaused(ctx context.Context) {
	first := pausedUnnoticed(x.observer.read(ctx))
	if len(first) == 0 {
		x.ledger.count("checks", "nobody sleeps unnoticed")
		return
	}
	time.Sleep(secondLook)
	second := pausedUnnoticed(x.observer.read(ctx))
	for id, s := range first {
		if _, still := second[id]; still {
			x.ledger.violation("G2", about{nobody, s.Host, s.Token}, "%s: its container %.12s is paused, and the row does not say so", s, s.Container)
		}
	}
}

// pausedUnnoticed returns the sessions in a reading whose containers are paused, by
// container, and whose rows did not say so before and after.
func pausedUnnoticed(r reading) map[string]row {
	found := make(map[string]row)
	if !r.rows {
		return found
	}
	awake := make(map[string]bool)
	for _, s := range r.before {
		awake[s.Container] = s.State == "running" && !s.Frozen
	}
	for _, s := range r.after {
		for _, b := range r.containers[s.Host] {
			if b.ID == s.Container && b.Paused && awake[b.ID] && s.State == "running" && !s.Frozen {
				found[b.ID] = s
			}
		}
	}
	return found
}

// lookUnused makes all sessions look as if they had not been used for long, and
// returns when.
func (x *torture) lookUnused(ctx context.Context) time.Duration {
	if recs := x.ledger.alive(); x.gateway && len(recs) > 0 {
		if err := again(func() error { return x.observer.setUnused(ctx, unused, recs) }); err != nil {
			x.t.Errorf("make sessions look unused while all is well: %v", err)
		}
	}
	return x.ledger.now()
}

// checkUseWritten visits all sessions, which look unused since then, through one
// gateway and stops it, after which the table must know.
func (x *torture) checkUseWritten(ctx context.Context, since time.Duration) {
	if !x.gateway {
		return
	}
	// For the gateway it must be another use, and for the table another second.
	time.Sleep(since + anotherUse - x.ledger.now())
	d := x.programs.distributors[0]
	begin := x.ledger.now()
	visited := make([]bool, len(x.clients))
	x.eachClient(func(c *client) {
		visited[c.number] = c.held != nil && c.exchange(ctx, d.gateway, "/", c.held).code == http.StatusOK
	})
	if err := x.programs.stop(d); err != nil {
		x.t.Error(err)
	}
	x.ledger.add(begin, about{client: nobody}, "all were visited through %s, which was stopped then", d.name)
	for _, c := range x.clients {
		if !visited[c.number] {
			continue
		}
		x.ledger.count("checks", "use is written down")
		if !x.observer.justUsed(ctx, c.held.token) && x.ledger.excuse(c.held) == "" {
			x.ledger.violation("G2", c.held.about, "client %d used its session %.8s through %s, which has ended in order and did not write that down", c.number, c.held.token, d.name)
		}
	}
}

// stop ends a daemon for good as a service manager does.
func (p *programs) stop(d *daemon) error {
	d.disturbed = true
	if d.proc == nil {
		return errors.New(d.name + " does not run though all is well")
	}
	d.proc.Signal(syscall.SIGTERM)
	select {
	case <-d.proc.Done():
	case <-time.After(2 * stopTime):
		return fmt.Errorf("%s does not end within %s", d.name, 2*stopTime)
	}
	d.proc = nil
	return nil
}
