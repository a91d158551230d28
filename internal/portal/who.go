package portal

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"wrpdistributor/internal/accounts"
	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/session"
)

// buttonAge is for how long a visitor's button counts. Whoever waits longer, or comes back
// later, presses it again.
const buttonAge = 10 * time.Minute

// A person is who a request comes from, as far as that was shown.
type person struct {
	account string // empty: a visitor
	device  string // of the account; or the id of a visitor
	group   string // whose starts are counted together
	client  session.Client
	bound   []string        // what its nonces are bound to
	pressed bool            // it is a visitor who pressed the button not long ago
	cookie  bool            // it is known by a cookie
	ticket  accounts.Ticket // of an account, in that cookie
}

// key is what tells people apart.
func (w *person) key() string { return w.account + "\x00" + w.device }

// name is how a page addresses somebody.
func (w *person) name() string {
	if w.account == "" || w.device == "" {
		return w.account
	}
	return w.account + "/" + w.device
}

// identify returns who sends a request. A cookie is looked at before a password, which
// costs more: browsers send what they were asked for, and nobody is asked who has a cookie.
// What opens nothing is skipped.
func (p *Portal) identify(x *exchange) (*person, error) {
	if who, err := p.byTicket(x); who != nil || err != nil {
		return who, err
	}
	if p.Anyone {
		return nil, errNobody
	}
	headers := []string{auth.HeaderAuthorization}
	if x.ctx().Value(throughProxy{}) != nil && p.Proxy {
		headers = append(headers, proxyAuthorization) // for a page of ours that a browser reaches through us
	}
	for _, header := range headers {
		if user, password, ok := basic(x.in.Header.Get(header)); ok {
			return p.byPassword(x.ctx(), x.in, user, password)
		}
	}
	return nil, errNobody
}

const proxyAuthorization = "Proxy-Authorization"

// identifyProxied returns who sends a request that is for another host, and looks at
// nothing that is for that one.
func (p *Portal) identifyProxied(x *exchange) (*person, error) {
	user, password, ok := basic(x.in.Header.Get(proxyAuthorization))
	if !ok {
		return nil, errNobody
	}
	return p.byPassword(x.ctx(), x.in, user, password)
}

// basic reads a name and a password as browsers send them.
func basic(header string) (user, password string, ok bool) {
	scheme, encoded, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", "", false
	}
	text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return "", "", false
	}
	return strings.Cut(string(text), ":")
}

// byPassword returns whose name and password these are, or [accounts.ErrWrong].
func (p *Portal) byPassword(ctx context.Context, r *http.Request, user, password string) (*person, error) {
	from, err := p.Guard.Client(r)
	if err != nil {
		return nil, err
	}
	name, device, err := accounts.SplitDevice(lower(strings.TrimSpace(user)))
	if err != nil {
		name = "" // nobody's, which is found out as late as that a password is wrong
	}
	a, err := p.Accounts.Login(ctx, from, name, password)
	if err != nil {
		return nil, err
	}
	return accountPerson(a, device), nil
}

// lower leaves alone what is no ASCII: other letters have small ones that are ASCII.
func lower(s string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'A' && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}, s)
}

func accountPerson(a accounts.Account, device string) *person {
	return &person{
		account: a.Name, device: device, group: a.Name,
		client: session.AccountUser(a.Name, device, a.MaxSessions),
		bound:  []string{accounts.KindAccount, a.Name, device, strconv.FormatInt(a.Version, 10)},
	}
}

// byTicket returns who the portal's cookie says it is; nil: it says nothing.
func (p *Portal) byTicket(x *exchange) (*person, error) {
	for _, cookie := range x.in.CookiesNamed(p.cookieName("")) {
		t, err := p.Accounts.Open(cookie.Value)
		if err != nil || time.Since(t.Issued) > accounts.TicketAge {
			continue
		}
		who, err := p.ofTicket(x, t)
		if errors.Is(err, errNobody) {
			continue
		}
		return who, err
	}
	return nil, nil
}

func (p *Portal) ofTicket(x *exchange, t accounts.Ticket) (*person, error) {
	issued := strconv.FormatInt(t.Issued.Unix(), 10)
	switch {
	case p.Anyone && t.Kind == accounts.KindVisitor:
		who, err := p.visitor(x.in, t.Name)
		if err != nil {
			return nil, err
		}
		who.pressed = time.Since(t.Issued) < buttonAge
		return who, nil
	case p.Anyone || t.Kind != accounts.KindAccount:
		return nil, errNobody
	}
	a, err := p.Accounts.OfTicket(x.ctx(), t)
	switch {
	case errors.Is(err, accounts.ErrTicket):
		return nil, errNobody
	case err != nil:
		return nil, err
	}
	who := accountPerson(a, t.Device)
	who.bound, who.cookie, who.ticket = append(who.bound, issued), true, t
	p.Accounts.Seen(x.ctx(), a)
	return who, nil
}

// visitor returns a person who is known by an id alone.
func (p *Portal) visitor(r *http.Request, id string) (*person, error) {
	from, err := p.Guard.Client(r)
	if err != nil {
		return nil, err
	}
	address := addressOf(from)
	return &person{
		device: id, group: "@" + address, client: session.Visitor(id, address, p.PerAddress), cookie: true,
		bound: []string{accounts.KindVisitor, id},
	}, nil
}

// addressOf returns an address as sessions are counted for it.
func addressOf(from netip.Addr) string {
	if network := auth.Network(from); !network.IsSingleIP() {
		return network.String()
	}
	return from.String()
}

// nonce returns what a form of this person holds, for a purpose and what it is about.
func (p *Portal) nonce(who *person, purpose string, about ...string) string {
	return p.Accounts.Nonce(purpose, append(append([]string{}, who.bound...), about...)...)
}

// giveTicket gives a browser a new cookie that says who it is. None that it came with is
// ever kept.
func (p *Portal) giveTicket(x *exchange, t accounts.Ticket) error {
	t.Issued, t.ID = time.Now(), rand.Text()
	value, err := p.Accounts.Seal(t)
	if err != nil {
		return err
	}
	p.setCookie(x, "", value)
	return nil
}

// setCookie sets one of the portal's cookies, or with an empty value takes it away.
func (p *Portal) setCookie(x *exchange, suffix, value string) {
	scheme, _ := p.Guard.Origin(x.in)
	c := http.Cookie{Name: p.cookieName(suffix), Value: value, Path: "/", HttpOnly: true, Secure: scheme == "https", SameSite: http.SameSiteLaxMode}
	if value == "" {
		c.MaxAge, c.Expires = -1, time.Unix(1, 0)
	}
	x.Header().Add("Set-Cookie", c.String())
}
