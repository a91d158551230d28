package portal

import (
	"bytes"
	"embed"
	"fmt"
	"html"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The pages that there are; the names are those of their files, and of what is counted.
const (
	pageAsk      = "ask"       // who are you?
	pageProxyAsk = "proxy-ask" // the same of a proxy
	pageWrong    = "wrong"     // the password is
	pageLimited  = "limited"   // too many were
	pageButton   = "button"    // for anyone
	pageLogin    = "login"     // the form
	pageWaiting  = "waiting"   // for a session
	pageEnded    = "ended"     // why it is over
	pageNotSent  = "not-sent"  // what was sent to no session
	pageTooMany  = "too-many"  // sessions of the account
	pageSession  = "session"   // one's own
	pageEnd      = "end"       // shall it end?
	pageEnter    = "enter"     // another session, shall it be that?
	pageOut      = "out"       // logged out
	pageHelp     = "help"
	pageMoved    = "moved"   // with a link to where
	pageTrouble  = "trouble" // that nobody there can mend
	pageFile     = "file"    // for programs
)

func pageNames() []string {
	return []string{pageAsk, pageProxyAsk, pageWrong, pageLimited, pageButton, pageLogin, pageWaiting, pageEnded, pageNotSent,
		pageTooMany, pageSession, pageEnd, pageEnter, pageOut, pageHelp, pageMoved, pageTrouble, pageFile}
}

// A view is what pages say. Which fields a page needs stands in its file.
type view struct {
	Title    string
	Sentence string // in which something is explained
	Request  string // its id, of what somebody may ask about
	Home     string // the address of our pages, as the browser can ask for it, without a slash at its end
	Link     string
	Seconds  int // after which the page is loaded again; 0: not by itself

	Ago, Until string // times, in words
	Sent       bool   // something was sent, and not used
	Proxy      bool
	Anyone     bool
	Cookie     bool // the person is known by one

	Name  string
	Form  form
	Forms []form
	Out   form // to log out
}

// A form is one button, and what it sends.
type form struct {
	Action, Label, Nonce string
	To                   string // where to go on; empty: it goes on to where it says
	ID                   int64  // of a session; 0: none
	About                string // in words
}

//go:embed pages
var pageFiles embed.FS

// pages are parsed once.
type pages struct{ *template.Template }

func parsePages() *pages {
	funcs := template.FuncMap{"ascii": ascii}
	return &pages{template.Must(template.New("").Funcs(funcs).ParseFS(pageFiles, "pages/*.html"))}
}

// ascii writes text as all browsers read it, whatever they take its letters for. Of other
// letters than those of Western Europe the old ones have no picture.
func ascii(text string) template.HTML {
	var b strings.Builder
	for _, c := range text {
		switch {
		case c == '\n' || c >= ' ' && c < 0x7f:
			b.WriteString(html.EscapeString(string(c)))
		case c >= 0xa0:
			fmt.Fprintf(&b, "&#%d;", c)
		}
	}
	return template.HTML(b.String())
}

// show answers with a page of known length, which HTTP/1.0 clients need, and that nobody
// keeps. The browsers that come here take a type with a charset for an unknown one.
func (p *Portal) show(x *exchange, page string, code int, v view) error {
	var b bytes.Buffer
	if err := p.pages.ExecuteTemplate(&b, page+".html", v); err != nil {
		return fmt.Errorf("make page %s: %w", page, err)
	}
	h := x.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	h.Set("Expires", "Thu, 01 Jan 1970 00:00:00 GMT") // some know no other way, and only a date
	h.Set("X-Frame-Options", "DENY")                  // nobody is to press a button unseen
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	x.write(page, code, "text/html", b.Bytes())
	return nil
}

// write answers with a whole body, and does not wait for what is left of the request.
func (x *exchange) write(page string, code int, kind string, body []byte) {
	x.limitRest()
	x.page, x.status, x.passed = page, code, false
	x.Header().Set("X-Request-Id", x.id)
	x.Header().Set("Content-Type", kind)
	x.Header().Set("Content-Length", strconv.Itoa(len(body)))
	x.WriteHeader(code)
	if x.in.Method != http.MethodHead {
		_, _ = x.Write(body) // a client that left is not waiting for it
	}
}

// ago says how long something took, or ago it was, as people do.
func ago(d time.Duration) string {
	switch n := int(d / time.Minute); {
	case d < time.Minute:
		return "less than a minute"
	case n == 1:
		return "1 minute"
	case n < 120:
		return fmt.Sprintf("%d minutes", n)
	default:
		return fmt.Sprintf("%d hours", n/60)
	}
}
