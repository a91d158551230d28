package portal

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"wrpdistributor/internal/accounts"
	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/session"
)

var (
	errNobody    = errors.New("nobody said who it is")
	errTunnel    = errors.New("this proxy makes no tunnels")
	errNoPage    = errors.New("part of a page, and there is no session yet")
	errNotSent   = errors.New("form of a session that is over")
	errElsewhere = errors.New("page of a session that is over")
	errStarting  = errors.New("session is being started")
	errUnknown   = errors.New("there is no such page")
	errForm      = errors.New("form is not one of ours, or too old")
	errNoCookie  = errors.New("browser keeps no cookie")
	errLeft      = errors.New("client left")
)

const (
	realm = "WRP" // that a browser shows when it asks for a password

	notStarting = "Browsers do not start at the moment. If this lasts, tell whoever runs this service, with the name of the request below."

	retryFile = 3 // seconds
	retryBusy = 5
)

// explain answers with the page that an error means.
func (p *Portal) explain(x *exchange, err error) {
	ended, isEnded := errors.AsType[*endedError](err)
	tooMany, isTooMany := errors.AsType[*session.TooManyError](err)
	switch {
	case errors.Is(err, errNobody):
		err = p.ask(x)
	case errors.Is(err, accounts.ErrWrong):
		err = p.refuse(x)
	case isEnded:
		err = p.showEnded(x, ended)
	case isTooMany:
		err = p.showTooMany(x, tooMany)
	case errors.Is(err, errElsewhere):
		err = p.redirect(x, "/")
	case errors.Is(err, errNotSent):
		err = p.show(x, pageNotSent, http.StatusOK, view{Title: "You have no session", Form: p.startForm(x)})
	case errors.Is(err, errStarting):
		err = p.showWaiting(x, "Your browser is being started.", 2, 4)
	default:
		err = p.explainTrouble(x, err)
	}
	if err != nil {
		_ = p.explainTrouble(x, err) // is told anyway
	}
}

// explainTrouble answers with a page that says what is wrong, and lets somebody wait who
// may get a session soon.
func (p *Portal) explainTrouble(x *exchange, err error) error {
	full, noRoom := errors.AsType[*session.FullError](err)
	paused, isPaused := errors.AsType[*session.PausedError](err)
	switch {
	case isPaused:
		return p.showWaiting(x, paused.Reason, 20, 40)
	case noRoom && full.IsFull():
		return p.showWaiting(x, "All browsers are in use at the moment.", 15, 30)
	case noRoom:
		x.broken = true
		return p.showWaiting(x, notStarting, 30, 60)
	}
	t := troubleOf(err)
	if t.retry > 0 {
		x.Header().Set("Retry-After", strconv.Itoa(t.retry))
	}
	if errors.Is(err, gateway.ErrClosing) {
		x.Header().Set("Connection", "close")
	}
	v := view{Title: t.title, Sentence: t.sentence, Request: x.id}
	if x.who != nil {
		v.Link = p.homeOf(x) + pathOwn // whose session cannot be reached may rather end it
	}
	return p.show(x, pageTrouble, t.code, v)
}

// A trouble is what somebody is told who can do nothing about it.
type trouble struct {
	err      error
	code     int
	title    string
	sentence string
	retry    int // seconds; 0: not said
}

// What somebody is told whatever else is wrong, mostly that the database is away.
const (
	unavailable = "Not at the moment"
	whatToDo    = "The service cannot look up who you are, or what you have. If you have a session it goes on. Load this page again in a minute; if this lasts, tell whoever runs this service, with the name of the request below."
)

func troubleOf(err error) trouble {
	for _, t := range []trouble{
		{errTunnel, http.StatusNotImplemented, "No tunnels", "This proxy opens pages itself, and shows them as pictures. Type the address with http:// in place of https://.", 0},
		{errNoPage, http.StatusServiceUnavailable, "Not yet", "There is no session that this is part of.", retryFile},
		{errUnknown, http.StatusNotFound, "No such page", "There is no page of this name.", 0},
		{errForm, http.StatusForbidden, "This form is too old", "Nothing was changed. Go back, load the page again, and press its button once more.", 0},
		{errNoCookie, http.StatusForbidden, "Your browser keeps no cookie", "Nothing was changed. Allow cookies of this host, go back, load the page again, and press its button once more.", 0},
		{auth.ErrForwardedFor, http.StatusBadRequest, "Bad request", "A proxy on the way does not say who you are.", 0},
		{accounts.ErrBusy, http.StatusServiceUnavailable, "Too many at once", "Too many passwords from your address are being looked at. Try again in a moment.", retryBusy},
		{session.ErrStopped, http.StatusServiceUnavailable, "It was stopped", "Your session was stopped while it started. Try again.", retryFile},
	} {
		if errors.Is(err, t.err) {
			return t
		}
	}
	code, sentence, retry := gateway.Explain(err)
	if code < http.StatusBadRequest || code == http.StatusBadGateway && !isOfGateway(err) {
		return trouble{err, http.StatusServiceUnavailable, unavailable, whatToDo, retryBusy}
	}
	return trouble{err, code, "No page", sentence, retry}
}

func isOfGateway(err error) bool {
	for _, known := range []error{gateway.ErrEnded, gateway.ErrUnreachable, gateway.ErrNoAnswer, gateway.ErrUnavailable, gateway.ErrClosing} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// ask asks a browser who its person is.
func (p *Portal) ask(x *exchange) error {
	switch {
	case x.proxied:
		return p.challenge(x, http.StatusProxyAuthRequired, pageProxyAsk, "Who are you?")
	case !p.Anyone:
		return p.challenge(x, http.StatusUnauthorized, pageAsk, "Who are you?")
	case x.isFile() || !x.isRead():
		return errNoPage
	}
	return p.showButton(x)
}

// refuse counts a wrong password, and asks again, but not without end.
func (p *Portal) refuse(x *exchange) error {
	code, page := p.Guard.Failed(x, x.in), pageWrong
	switch {
	case code != http.StatusUnauthorized:
		return p.show(x, pageLimited, code, view{Title: "Too many wrong passwords"})
	case x.proxied:
		code = http.StatusProxyAuthRequired
	}
	return p.challenge(x, code, page, "That was wrong")
}

func (p *Portal) challenge(x *exchange, code int, page, title string) error {
	header := "WWW-Authenticate"
	if code == http.StatusProxyAuthRequired {
		header = "Proxy-Authenticate"
	}
	x.Header().Set(header, `Basic realm="`+realm+`"`)
	return p.show(x, page, code, view{Title: title, Home: p.homeOf(x)})
}

// showWaiting answers with a page that looks again by itself, so often as is said, but not
// at the same time as all others.
func (p *Portal) showWaiting(x *exchange, why string, from, to int) error {
	v := view{Title: "Please wait", Sentence: why, Request: x.id, Home: p.homeOf(x)}
	if x.isFile() || !x.isRead() || x.who == nil {
		return errNoPage
	}
	if p.waits.look(x.who.key()) {
		v.Seconds = from + rand.IntN(to-from+1)
		x.Header().Set("Refresh", strconv.Itoa(v.Seconds))
	}
	v.Link = again(x)
	return p.show(x, pageWaiting, http.StatusOK, v)
}

func (p *Portal) showEnded(x *exchange, ended *endedError) error {
	v := view{Title: "Your session has ended", Sentence: ended.Why, Ago: ago(time.Since(ended.Ended)), Sent: !x.isRead()}
	v.Form = p.startForm(x)
	return p.show(x, pageEnded, http.StatusOK, v)
}
