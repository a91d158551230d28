package portal

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/session"
)

func escape(text string) string { return url.QueryEscape(text) }

// ownSession shows the person's session, and the others of its account.
func (p *Portal) ownSession(x *exchange) error {
	v := view{Title: "Your session", Name: x.who.name()}
	own, err := p.Sessions.Own(x.ctx(), x.who.client)
	switch {
	case err == nil:
		v.Sentence, v.Link = p.tellOwn(own), "/"
		v.Form = p.endForm(x, own.ID, "End it")
	case errors.Is(err, session.ErrNotFound):
		if v.Sentence, err = p.tellEnding(x); err != nil {
			return err
		}
		v.Form = p.startForm(x)
		v.Form.Label = "Start one"
	default:
		return err
	}
	if v.Forms, err = p.others(x, own); err != nil {
		return err
	}
	if x.who.cookie && x.who.account != "" {
		v.Out = form{Action: pathLogout, Label: "Log out", Nonce: p.nonce(x.who, pathLogout)}
	}
	return p.show(x, pageSession, http.StatusOK, v)
}

// tellOwn says since when a session is there, and until when.
func (p *Portal) tellOwn(s *session.Session) string {
	if s.State != session.Running {
		return "Your session is being started."
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Your session began %s ago.", ago(elapsed(s)))
	if p.Idle > 0 {
		fmt.Fprintf(&b, " It ends when it was not used for %s.", ago(p.Idle))
	}
	if p.MaxAge > 0 {
		fmt.Fprintf(&b, " It ends in any case in %s.", ago(max(0, p.MaxAge-elapsed(s))))
	}
	return b.String()
}

func (p *Portal) tellEnding(x *exchange) (string, error) {
	ending, err := p.Sessions.LastEnding(x.ctx(), x.who.client)
	switch {
	case errors.Is(err, session.ErrNotFound):
		return "You have no session.", nil
	case err != nil:
		return "", err
	}
	return fmt.Sprintf("You have no session. The last one ended %s ago: %s.", ago(time.Since(ending.Ended)), ending.Why), nil
}

// others returns a form each for the sessions that the account has beside a person's own;
// nil: it has none. Of visitors nobody is told about others.
func (p *Portal) others(x *exchange, own *session.Session) ([]form, error) {
	if x.who.account == "" {
		return nil, nil
	}
	list, err := p.Sessions.OfAccount(x.ctx(), x.who.account)
	if err != nil {
		return nil, err
	}
	var forms []form
	for i := range list {
		if s := &list[i]; (own == nil || s.ID != own.ID) && len(forms) < maxForms {
			f := p.endForm(x, s.ID, "End")
			f.About = fmt.Sprintf("%s, began %s ago.", s.UserAgent, ago(elapsed(s)))
			forms = append(forms, f)
		}
	}
	return forms, nil
}

// maxForms keeps a page small.
const maxForms = 10

func (p *Portal) endForm(x *exchange, id int64, label string) form {
	return form{Action: p.homeOf(x) + pathEnd, Label: label, ID: id, Nonce: p.nonce(x.who, pathEnd, strconv.FormatInt(id, 10))}
}

// end asks whether the person's session shall end, or ends one of the account's.
func (p *Portal) end(x *exchange) error {
	if x.in.Method == http.MethodPost {
		return p.pressEnd(x)
	}
	v := view{Title: "End your session", Sentence: "Shall it end? What is open in it is lost.", Link: "/"}
	own, err := p.Sessions.Own(x.ctx(), x.who.client)
	switch {
	case errors.Is(err, session.ErrNotFound):
		v.Sentence, v.Link = "You have no session.", pathOwn
	case err != nil:
		return err
	default:
		v.Form = p.endForm(x, own.ID, "Yes, end it")
	}
	return p.show(x, pageEnd, http.StatusOK, v)
}

func (p *Portal) pressEnd(x *exchange) error {
	about := x.form().Get("id")
	if err := p.checkNonce(x, pathEnd, about); err != nil {
		return err
	}
	id, err := strconv.ParseInt(about, 10, 64)
	if err != nil {
		return errForm
	}
	if err := p.stop(x, id); err != nil && !errors.Is(err, session.ErrNotFound) {
		return err
	}
	return p.leadOn(x, pathOwn)
}

// stop stops the person's session, or another one of its account. What it is asked for is
// done, although it may have ended meanwhile.
func (p *Portal) stop(x *exchange, id int64) error {
	own, err := p.Sessions.Own(x.ctx(), x.who.client)
	switch {
	case err == nil && own.ID == id:
		err := p.Sessions.Stop(x.ctx(), x.who.client)
		if errors.Is(err, hosts.ErrUnreachable) {
			return nil // the session is over; its container is left to the reaper
		}
		return err
	case err != nil && !errors.Is(err, session.ErrNotFound):
		return err
	case x.who.account == "":
		return nil
	}
	return p.Sessions.StopOfAccount(x.ctx(), x.who.account, id)
}

// showTooMany answers with the sessions of the account, one of which can be ended.
func (p *Portal) showTooMany(x *exchange, tooMany *session.TooManyError) error {
	if x.isFile() {
		return errNoPage
	}
	forms, err := p.others(x, nil)
	if err != nil {
		return err
	}
	v := view{Title: "Too many sessions", Forms: forms, Link: again(x)}
	v.Sentence = fmt.Sprintf("Your name has %s already, and may have no more. End one that you do not need, or wait until one ends.", count(tooMany.Most))
	if x.who.account == "" {
		v.Sentence = fmt.Sprintf("From your address come %s already, and there may be no more. Wait until one ends.", count(tooMany.Most))
	}
	return p.show(x, pageTooMany, http.StatusOK, v)
}

func count(n int) string {
	if n == 1 {
		return "1 session"
	}
	return fmt.Sprintf("%d sessions", n)
}
