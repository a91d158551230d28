package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"wrpdistributor/internal/proctest"
)

const (
	rightPassword = "tulip-anvil-42"
	wrongPassword = "tulip-anvil-43"
	nobodysName   = "nobody" // of an account that there is not
)

// A person browses through gateways, known by name and password or by a cookie. Each
// account has one of either kind.
type person struct {
	account string
	device  string
	cookies bool // it gives its password in a form, and keeps a cookie

	people   *people
	ledger   *ledger
	gateways []string
	rng      *rand.Rand

	cookie string        // empty: it is to log in
	login  time.Duration // when that began
	shown  string        // the container that showed its last page; empty: none
}

func (p *person) name() string { return p.account + "/" + p.device }

// run lives until ctx is done.
func (p *person) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(20+p.rng.IntN(400)) * time.Millisecond):
		}
		switch n := p.rng.IntN(100); {
		case n < 65:
			p.look(ctx)
		case n < 80:
			p.tryWrong(ctx)
		case n < 90:
			p.end(ctx)
		default:
			p.come(ctx)
		}
	}
}

func (p *person) any() string { return p.gateways[p.rng.IntN(len(p.gateways))] }

// A view is what a person was shown.
type view struct {
	proctest.Answer
	gateway    string
	err        error
	begin, end time.Duration
}

// container is the one that drew the page; empty: none did.
func (v view) container() string { return v.Header.Get("X-Standin") }

var titled = regexp.MustCompile(`<h1>([^<]*)</h1>`)

// title is that of a page of the portal.
func (v view) title() string {
	if m := titled.FindStringSubmatch(v.Body); m != nil {
		return m[1]
	}
	return ""
}

func (v view) String() string {
	return fmt.Sprintf("%s = %d %v %q %.12s", v.gateway, v.Code, v.err, v.title(), v.container())
}

// ask sends a request as a person does who is known.
func (p *person) ask(ctx context.Context, gateway, path string, form url.Values) view {
	h := http.Header{"Cookie": {p.cookie}}
	if !p.cookies {
		h = http.Header{"Authorization": {proctest.Basic(p.name(), rightPassword)}}
	}
	return p.send(ctx, gateway, path, form, h)
}

func (p *person) send(ctx context.Context, gateway, path string, form url.Values, h http.Header) view {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r := proctest.Request{Method: http.MethodGet, URL: "http://" + gateway + path, Header: h, Form: form}
	if form != nil {
		r.Method = http.MethodPost
	}
	v := view{gateway: gateway, begin: p.ledger.now()}
	v.Answer, v.err = proctest.Do(ctx, r)
	v.end = p.ledger.now()
	what := v.title()
	if v.container() != "" {
		what = "session"
	}
	p.ledger.count("people", strings.TrimSpace(fmt.Sprint(v.Code, " ", what)))
	p.ledger.add(v.begin, about{client: nobody, token: p.name()}, "%s: %s %s at %s", p.name(), r.Method, path, v)
	return v
}

func (p *person) violation(rule, format string, args ...any) {
	p.ledger.violation(rule, about{client: nobody, token: p.name()}, "%s: %s", p.name(), fmt.Sprintf(format, args...))
}

// come logs in, if that is needed, and reports whether it is known then.
func (p *person) come(ctx context.Context) bool {
	if !p.cookies || p.cookie != "" {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	p.login = p.ledger.now()
	a, err := proctest.LogIn(ctx, "http://"+p.any(), p.name(), rightPassword)
	p.ledger.count("people", fmt.Sprint("login ", a.Code))
	p.ledger.add(p.login, about{client: nobody, token: p.name()}, "%s: logs in = %d, %v", p.name(), a.Code, err)
	if strings.Contains(a.Body, "is wrong") || a.Code == http.StatusTooManyRequests {
		p.mayBeRefused(view{Answer: a, begin: p.login, end: p.ledger.now()})
	}
	if err == nil && a.Code == http.StatusFound {
		p.cookie = a.Cookies()
	}
	return p.cookie != ""
}

// look opens the address, as people do again and again.
func (p *person) look(ctx context.Context) {
	if !p.come(ctx) {
		return
	}
	v := p.ask(ctx, p.any(), "/", nil)
	switch {
	case v.container() != "":
		p.shown = v.container()
		p.people.show(p, v)
	case v.Code == http.StatusUnauthorized, v.Code == http.StatusTooManyRequests:
		p.mayBeRefused(v)
		p.cookie = ""
	case v.title() == "Your session has ended":
		p.press(ctx, v, "/~/start", url.Values{"to": {"/"}})
	case v.title() == "Too many sessions" && p.rng.IntN(3) == 0:
		p.press(ctx, v, "/~/end", nil)
	case v.Code != 0 && v.Code != http.StatusOK && v.Code != http.StatusGone && v.Code < http.StatusBadGateway:
		p.violation("the contract", "no such answer: %s", v)
	}
}

var idField = regexp.MustCompile(`name="id" value="([^"]*)"`)

// press sends the first form of a page, and reports whether what it asks for was done.
func (p *person) press(ctx context.Context, page view, path string, form url.Values) bool {
	if page.Nonce() == "" {
		return false
	}
	if form == nil {
		form = url.Values{}
	}
	form.Set("nonce", page.Nonce())
	if m := idField.FindStringSubmatch(page.Body); m != nil {
		form.Set("id", m[1])
	}
	v := p.ask(ctx, p.any(), path, form)
	if v.Code == http.StatusForbidden {
		p.violation("the contract", "a form that it was given is refused: %s", v)
	}
	return v.Code == http.StatusFound
}

// end ends the session by the page for that.
func (p *person) end(ctx context.Context) {
	if p.shown == "" || !p.come(ctx) {
		return
	}
	own := p.ask(ctx, p.any(), "/", nil)
	page := p.ask(ctx, p.any(), "/~/end", nil)
	if !p.press(ctx, page, "/~/end", nil) || own.container() == "" {
		return
	}
	p.shown = ""
	// Of a host that cannot be asked the container is left for later.
	if v := p.ask(ctx, p.any(), "/", nil); v.container() == own.container() && !p.people.isStopping(ctx, v.container()) {
		p.violation("P5", "the session that it has ended is shown: %s", v)
	}
}

// tryWrong gives a wrong password, or the name of nobody, who must get nothing.
func (p *person) tryWrong(ctx context.Context) {
	name := []string{p.name(), nobodysName}[p.rng.IntN(2)]
	v := p.send(ctx, p.any(), "/", nil, http.Header{"Authorization": {proctest.Basic(name, wrongPassword)}})
	switch {
	case v.Code == http.StatusUnauthorized, v.Code == http.StatusTooManyRequests, v.Code == 0, v.Code >= http.StatusBadGateway:
	default:
		p.violation("P3", "a wrong password is answered %s", v)
	}
}

// mayBeRefused checks that somebody who gave a right password, or has a cookie for it, was
// refused for a reason.
func (p *person) mayBeRefused(v view) {
	since := v.begin
	if p.cookies {
		since = p.login
	}
	if p.people.isOpen(p.account, since, v.end) && !p.ledger.disturbed(v.begin-accountKnown, v.end) {
		p.violation("P3", "it has a right password, and is refused: %s", v)
	}
}
