package portal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"wrpdistributor/internal/accounts"
	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/session"
)

// The portal's own pages.
const (
	ownPages   = "/~"
	pathOwn    = "/~/"
	pathLogin  = "/~/login"
	pathLogout = "/~/logout"
	pathHelp   = "/~/help"
	pathStart  = "/~/start"
	pathEnd    = "/~/end"
	pathRobots = "/robots.txt"
	pathPAC    = "/proxy.pac"
)

// ownPage returns what answers a path of the portal's own; nil: it is none.
func (p *Portal) ownPage(path string) func(*exchange) error {
	switch path {
	case pathRobots:
		return p.robots
	case pathPAC:
		return p.pac
	case pathHelp:
		return p.help
	case pathLogin:
		return p.login
	case pathLogout:
		return p.known(p.logout)
	case pathStart:
		return p.pressStart
	case pathEnd:
		return p.known(p.end)
	case pathOwn, ownPages:
		return p.known(p.ownSession)
	}
	if strings.HasPrefix(path, pathOwn) {
		return func(*exchange) error { return errUnknown }
	}
	return nil
}

// known returns a handler for people who said who they are.
func (p *Portal) known(next func(*exchange) error) func(*exchange) error {
	return func(x *exchange) (err error) {
		if x.who, err = p.identify(x); err != nil {
			return err
		}
		return next(x)
	}
}

// checkNonce returns [errForm] unless a form was made for this person, purpose and what it
// is about.
func (p *Portal) checkNonce(x *exchange, purpose string, about ...string) error {
	if x.in.Method != http.MethodPost || !auth.Equal(x.form().Get("nonce"), p.nonce(x.who, purpose, about...)) {
		return errForm
	}
	return nil
}

// homeOf returns what the address of a page of ours begins with, for a link. A page of
// another host that we are the proxy for has it in full.
func (p *Portal) homeOf(x *exchange) string {
	switch {
	case !x.proxied:
		return ""
	case p.Address != "":
		return "http://" + p.Address
	case len(p.Names) > 0:
		return "http://" + p.Names[0]
	}
	return "http://" + auth.CameInOn(x.in).String()
}

// startForm returns the button that starts a session, and leads back to where somebody is.
func (p *Portal) startForm(x *exchange) form {
	to := backTo(x)
	return form{Action: p.homeOf(x) + pathStart, Label: "Start another one", To: to, Nonce: p.nonce(x.who, pathStart, to)}
}

// pressStart answers a button that starts a session: the page that it leads to gets one.
func (p *Portal) pressStart(x *exchange) (err error) {
	if x.who, err = p.identify(x); errors.Is(err, errNobody) && p.Anyone {
		return p.pressFirst(x)
	}
	if err != nil {
		return err
	}
	to := x.form().Get("to")
	if err := p.checkNonce(x, pathStart, to); err != nil {
		return err
	}
	if err := p.Sessions.ForgetEnding(x.ctx(), x.who.client); err != nil {
		return err
	}
	if p.Anyone { // it counts from now on
		if err := p.giveTicket(x, accounts.Ticket{Kind: accounts.KindVisitor, Name: x.who.device}); err != nil {
			return err
		}
	}
	return p.leadOn(x, to)
}

// pressFirst answers the button of somebody who was not here yet.
func (p *Portal) pressFirst(x *exchange) error {
	to := x.form().Get("to")
	if err := p.checkFormCookie(x, pathStart, to); err != nil {
		return err
	}
	if err := p.giveTicket(x, accounts.Ticket{Kind: accounts.KindVisitor, Name: rand.Text()}); err != nil {
		return err
	}
	return p.leadOn(x, to)
}

// showButton answers with the page on which anyone may start a session.
func (p *Portal) showButton(x *exchange) error {
	v := view{Title: "The Web, for any browser", Anyone: true}
	if x.who != nil {
		v.Form = p.startForm(x)
	} else {
		to := backTo(x)
		v.Form = form{Action: pathStart, To: to, Nonce: p.Accounts.Nonce(pathStart, p.formCookie(x), to)}
	}
	v.Form.Label = "Start"
	return p.show(x, pageButton, http.StatusOK, v)
}

// formCookie returns what the nonces of a browser are bound to that is nobody's yet, and
// sees that it has it: another page cannot have it log in as somebody of its choice.
func (p *Portal) formCookie(x *exchange) string {
	if c, err := x.in.Cookie(p.cookieName("_form")); err == nil && c.Value != "" {
		return c.Value
	}
	value := rand.Text()
	p.setCookie(x, "_form", value)
	return value
}

func (p *Portal) checkFormCookie(x *exchange, purpose string, about ...string) error {
	if x.in.Method != http.MethodPost {
		return errForm
	}
	c, err := x.in.Cookie(p.cookieName("_form"))
	if err != nil || c.Value == "" {
		return errNoCookie
	}
	if !auth.Equal(x.form().Get("nonce"), p.Accounts.Nonce(purpose, append([]string{c.Value}, about...)...)) {
		return errForm
	}
	return nil
}

// login shows the form for name and password, or answers it.
func (p *Portal) login(x *exchange) error {
	switch {
	case p.Anyone:
		return p.redirect(x, "/")
	case x.in.Method != http.MethodPost:
		return p.showLogin(x, http.StatusOK, "", "")
	}
	if err := p.checkFormCookie(x, pathLogin); err != nil {
		return err
	}
	f := x.form()
	user := f.Get("name")
	who, err := p.byPassword(x.ctx(), x.in, user, f.Get("password"))
	switch {
	case errors.Is(err, accounts.ErrWrong):
		if code := p.Guard.Failed(x, x.in); code != http.StatusUnauthorized {
			return p.show(x, pageLimited, code, view{Title: "Too many wrong passwords"})
		}
		return p.showLogin(x, http.StatusOK, user, "The name or the password is wrong.")
	case err != nil:
		return err
	}
	return p.letIn(x, who)
}

// maxEcho is longer than names are.
const maxEcho = 80

func (p *Portal) showLogin(x *exchange, code int, user, sentence string) error {
	if len(user) > maxEcho {
		user = ""
	}
	return p.show(x, pageLogin, code, view{Title: "Who are you?", Name: user, Sentence: sentence, Form: form{Nonce: p.Accounts.Nonce(pathLogin, p.formCookie(x))}})
}

// letIn gives a browser a cookie. Unless its person says which device it is, it is one of
// its own.
func (p *Portal) letIn(x *exchange, who *person) error {
	a, err := p.Accounts.ByName(x.ctx(), who.account)
	if err != nil {
		return err
	}
	device := who.device
	if device == "" {
		device = "cookie-" + strings.ToLower(rand.Text()[:8])
	}
	if err := p.giveTicket(x, accounts.Ticket{Kind: accounts.KindAccount, Name: a.Name, Device: device, Version: a.Version}); err != nil {
		return err
	}
	p.setCookie(x, "_form", "")
	if p.Gateway.CookieToken(x.in) != "" {
		p.Gateway.ForgetCookie(x.Header()) // it would lead to a session that is not of the account
	}
	return p.leadOn(x, "/")
}

// logout has a browser forget who it is, and any session that it entered by a link. A copy of
// its cookie opens nothing either from now on.
func (p *Portal) logout(x *exchange) error {
	if err := p.checkNonce(x, pathLogout); err != nil {
		return err
	}
	if x.who.cookie {
		if err := p.Accounts.Logout(x.ctx(), x.who.ticket); err != nil {
			return err
		}
	}
	p.setCookie(x, "", "")
	p.Gateway.ForgetCookie(x.Header()) // else whoever comes next is in the session of the one who left
	return p.show(x, pageOut, http.StatusOK, view{Title: "Logged out"})
}

func (p *Portal) help(x *exchange) error {
	home := strings.TrimSuffix(p.Gateway.Home(x.in), "/")
	return p.show(x, pageHelp, http.StatusOK, view{Title: "Help", Home: home, Proxy: p.Proxy, Anyone: p.Anyone, Link: p.proxyAddress(x.in)})
}

// robots keeps robots away, which would not come in anyway.
func (p *Portal) robots(x *exchange) error {
	x.write(pageFile, http.StatusOK, "text/plain", []byte("User-agent: *\r\nDisallow: /\r\n"))
	return nil
}

// pac has browsers ask us for pages of http.
func (p *Portal) pac(x *exchange) error {
	if !p.Proxy {
		return errUnknown
	}
	script := fmt.Sprintf("function FindProxyForURL(url, host) {\n  if (url.substring(0, 5) == \"http:\") return \"PROXY %s\";\n  return \"DIRECT\";\n}\n", p.proxyAddress(x.in))
	x.write(pageFile, http.StatusOK, "application/x-ns-proxy-autoconfig", []byte(script))
	return nil
}

// pathOfAddress returns the path at which WRP opens an address.
func pathOfAddress(address string) string { return "/?url=" + escape(address) }

func elapsed(s *session.Session) time.Duration { return max(0, time.Since(s.Started)) }
