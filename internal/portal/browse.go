package portal

import (
	"errors"
	"net/http"
	"time"

	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/session"
)

// An endedError says that the person's session is over, and that nothing was started in
// its place.
type endedError struct{ session.Ending }

func (e *endedError) Error() string { return "session has ended: " + e.Why }

// entered lets in who asks for a page that is not one of the portal's own.
func (p *Portal) entered(x *exchange) (err error) {
	if gateway.IsShutdown(x.in.URL.Path) && addressIn(x.in.URL) == "" {
		return p.redirect(x, pathEnd)
	}
	if x.who, err = p.identify(x); err != nil {
		return err
	}
	if to := addressIn(x.in.URL); to != "" {
		return p.redirect(x, pathOfAddress(to))
	}
	return p.browse(x)
}

// proxied lets in who has us as a proxy.
func (p *Portal) proxied(x *exchange) (err error) {
	x.proxied = true
	if x.who, err = p.identifyProxied(x); err != nil {
		return err
	}
	return p.browse(x)
}

// browse passes a request of somebody on to the session that they have, or get.
func (p *Portal) browse(x *exchange) error {
	for range 2 { // a session that was known may be over
		token, err := p.tokenFor(x)
		if err != nil {
			return err
		}
		if err = p.pass(x, token); !isOver(err) {
			return err
		}
		p.tokens.forget(x.who.key(), token)
	}
	if !x.isRead() {
		return errNotSent
	}
	return errStarting // the page of that looks again
}

// tokenFor returns the token of the person's session.
func (p *Portal) tokenFor(x *exchange) (string, error) {
	if token, ok := p.tokens.find(x.who.key()); ok {
		return token, nil
	}
	s, err := p.Sessions.Own(x.ctx(), x.who.client)
	switch {
	case err == nil && s.State == session.Running && s.Gateway:
		p.tokens.know(x.who.key(), s.Token)
		return s.Token, nil
	case err != nil && !errors.Is(err, session.ErrNotFound):
		return "", err
	case err != nil:
		err = p.mayStart(x)
	case !x.isRead():
		err = errNotSent
	}
	if err != nil {
		return "", err
	}
	return p.start(x)
}

// mayStart returns why a person without a session gets none by this request.
func (p *Portal) mayStart(x *exchange) error {
	if x.isFile() {
		return errNoPage
	}
	ending, err := p.Sessions.LastEnding(x.ctx(), x.who.client)
	home := !x.proxied && x.in.URL.Path == "/"
	switch {
	case err == nil && home && x.in.Method == http.MethodGet && isReplaced(ending):
		return nil
	case err == nil:
		return &endedError{ending}
	case !errors.Is(err, session.ErrNotFound):
		return err
	case x.in.Method == http.MethodHead:
		return errNoPage
	case x.in.Method != http.MethodGet:
		return errNotSent
	case !home && !x.proxied:
		return errElsewhere
	case p.Anyone && !x.who.pressed:
		return errNobody
	}
	return nil
}

// replaceAge is how long a browser has to have run to be replaced unasked when it dies: so
// nobody's is more than once in that time, whichever process they meet.
const replaceAge = 10 * time.Minute

func isReplaced(e session.Ending) bool { return e.Died && e.Ended.Sub(e.Began) >= replaceAge }

// start has a session started for a person, or waits for one that is being started, but
// not for long.
func (p *Portal) start(x *exchange) (string, error) {
	if x.isFile() {
		return "", errNoPage
	}
	s, err := p.startFor(x)
	if err != nil {
		return "", err
	}
	late := time.NewTimer(p.Wait)
	defer late.Stop()
	select {
	case <-s.done:
		if s.err == nil {
			p.waits.end(x.who.key())
		}
		return s.token, s.err
	case <-late.C:
		p.starts.leave(x.who.key(), s)
		return "", errStarting
	case <-x.ctx().Done():
		return "", errLeft
	}
}
