package portal

import (
	"errors"
	"net/http"
	"strings"

	"wrpdistributor/internal/accounts"
	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/session"
)

// entrance is what the addresses begin with that lead a browser into a session by its token.
const entrance = "/s/"

// hasToken reports whether a request has a header that says which session it is for.
func hasToken(r *http.Request) bool {
	_, header := auth.Token(r)
	return header != ""
}

func isEntrance(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, entrance) }

// enter answers a request to enter a session by a link. Any page can lead a browser to one,
// to have its person type there. So whoever is in a session, or could have one, is asked
// before; strangers have nothing to leave. Who has the gateway's cookie, or a session, is
// asked by the gateway.
func (p *Portal) enter(x *exchange) (err error) {
	if lives, err := p.cookieLives(x.in); lives || err != nil {
		return p.toGateway(x, x.in)
	}
	x.who, err = p.identify(x)
	switch {
	case errors.Is(err, accounts.ErrWrong):
		p.Guard.Failed(x, x.in)
		return p.toGateway(x, x.in)
	case errors.Is(err, errNobody):
		return p.toGateway(x, x.in)
	case err != nil:
		return err
	}
	own, err := p.Sessions.Own(x.ctx(), x.who.client)
	switch {
	case err == nil && own.State == session.Running && own.Gateway:
		return p.toGateway(x, p.Gateway.InSession(x.in, own.Token))
	case err != nil && !errors.Is(err, session.ErrNotFound):
		return err
	}
	return p.askToEnter(x)
}

// toGateway leaves a request to the gateway, which answers and logs it.
func (p *Portal) toGateway(x *exchange, r *http.Request) error {
	x.passed = true
	p.Gateway.ServeHTTP(x.ResponseWriter, r)
	return nil
}

// askToEnter asks somebody whether it shall be the session that a link leads to, or lets in
// who has said so. What leads nowhere is for the gateway to refuse.
func (p *Portal) askToEnter(x *exchange) error {
	token, _ := gateway.Entrance(x.in.URL.Path)
	lives, err := p.Gateway.Lives(x.ctx(), token)
	switch {
	case err != nil || !lives:
		return p.toGateway(x, x.in)
	case x.in.Method == http.MethodPost && p.checkNonce(x, entrance, token) == nil:
		return p.toGateway(x, asLink(x.in))
	}
	v := view{Title: "This is another session", Name: x.who.name(), Link: "/"}
	v.Form = form{Action: entrance + token + "/", Label: "Go to that session", Nonce: p.nonce(x.who, entrance, token)}
	return p.show(x, pageEnter, http.StatusOK, v)
}

// asLink returns the request of a form, which was read, as that of a link.
func asLink(r *http.Request) *http.Request {
	to := r.WithContext(r.Context())
	to.Method, to.Body, to.ContentLength = http.MethodGet, http.NoBody, 0
	return to
}
