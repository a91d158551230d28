package portal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/journal"
	"wrpdistributor/internal/redact"
)

const (
	formTimeout = 30 * time.Second // to send a form
	restOfBody  = time.Second      // to send what is left of a body that nobody wants
	maxForm     = 8 << 10
)

// An exchange is one request and its answer.
type exchange struct {
	http.ResponseWriter
	in      *http.Request
	started time.Time
	id      string // of the request, for people and the journal
	proxied bool   // in is for another host
	who     *person
	passed  bool // it is the gateway's to answer
	read    bool // its body was read
	broken  bool // the service is to blame, whatever the status says

	page   string // that was the answer; empty: none of ours
	status int
}

// ctx is done when the client leaves.
func (x *exchange) ctx() context.Context { return x.in.Context() }

// answer has a handler answer a request. What it returns is told in a page.
func (p *Portal) answer(w http.ResponseWriter, r *http.Request, handle func(*exchange) error) {
	x := &exchange{ResponseWriter: w, in: r, started: time.Now(), id: journal.NewRequest()}
	err := handle(x)
	switch {
	case x.passed && err == nil:
		return // the gateway has logged and counted it
	case err != nil && x.ctx().Err() != nil:
		err = errLeft
	case err != nil:
		p.explain(x, err)
	}
	p.metrics.count(x)
	p.log(x, err)
}

// pass has the gateway pass the request on to the session that a token opens.
func (p *Portal) pass(x *exchange, token string) error {
	x.passed = true
	return p.Gateway.Serve(x.ResponseWriter, x.in, token, x.proxied)
}

// log writes the access line of a page. It has neither path nor headers, in which there are
// passwords and what people read.
func (p *Portal) log(x *exchange, err error) {
	level := slog.LevelDebug
	switch {
	case x.broken, x.status >= http.StatusInternalServerError && x.page == pageTrouble:
		level = slog.LevelWarn
	case x.status >= http.StatusBadRequest:
		level = slog.LevelInfo
	}
	attrs := []slog.Attr{slog.String("request", x.id), slog.String("method", redact.Method(x.in)), slog.String("page", x.page), slog.Int("status", x.status), slog.Duration("took", time.Since(x.started))}
	if x.who != nil {
		attrs = append(attrs, slog.Any("client", x.who.client))
	} else if addr, err := p.Guard.Client(x.in); err == nil {
		attrs = append(attrs, slog.String("client", addr.String()))
	}
	if err != nil {
		attrs = append(attrs, slog.Any("err", err))
	}
	p.Log.LogAttrs(context.WithoutCancel(x.ctx()), level, "portal request", attrs...)
}

// isRead reports whether a request only asks for something.
func (x *exchange) isRead() bool {
	return x.in.Method == http.MethodGet || x.in.Method == http.MethodHead
}

// files are what the names of those end with that no person opens by itself.
func files() []string {
	return []string{".gif", ".jpg", ".jpeg", ".png", ".xbm", ".bmp", ".ico", ".svg", ".webp", ".css", ".js", ".xml", ".json", ".woff", ".woff2", ".au", ".wav", ".class"}
}

// isFile reports whether a request is for a part of a page, whose browser would show no
// page in its place.
func (x *exchange) isFile() bool {
	if kind := x.in.Header.Get("Sec-Fetch-Dest"); kind != "" {
		return kind != "document" && kind != "iframe" && kind != "frame"
	}
	accept := x.in.Header.Get("Accept")
	if accept != "" && !strings.Contains(accept, "text/html") && !strings.Contains(accept, "*/*") && !strings.Contains(accept, "text/*") {
		return true
	}
	return slices.Contains(files(), strings.ToLower(path.Ext(x.in.URL.Path)))
}

// addressIn returns the address of the web that is the path of one of ours, for browsers
// that can have no proxy: /http://example.org/. It is empty if there is none. Some
// browsers make one slash of two.
func addressIn(u *url.URL) string {
	address := strings.TrimPrefix(u.EscapedPath(), "/")
	for _, scheme := range []string{"http:/", "https:/"} {
		if len(address) < len(scheme) || !strings.EqualFold(address[:len(scheme)], scheme) {
			continue
		}
		rest := strings.TrimLeft(address[len(scheme):], "/")
		if rest == "" {
			return ""
		}
		if u.RawQuery != "" {
			rest += "?" + u.RawQuery
		}
		return scheme + "/" + rest
	}
	return ""
}

// maxBack keeps a page small, is less than a form of ours may have, and what old browsers can
// have in a link.
const maxBack = 1 << 10

// backTo returns where a button on a page leads back to: where somebody is, or the first page
// if that would be something of a session that is over, or is too long.
func backTo(x *exchange) string {
	if to := wayBack(x); len(to) <= maxBack {
		return to
	}
	return "/"
}

// again returns the link by which a page is asked for once more that stands in the place of
// another; empty: that would be too long, and its browser has to load the page again.
func again(x *exchange) string { return short(asASCII(x.in.URL.String())) }

// short returns an address if a page may hold it.
func short(address string) string {
	if len(address) > maxBack {
		return ""
	}
	return address
}

func wayBack(x *exchange) string {
	address := addressIn(x.in.URL)
	switch {
	case x.in.Method != http.MethodGet:
	case x.proxied || x.in.URL.Path == "/":
		return asASCII(x.in.URL.String())
	case address != "":
		return pathOfAddress(address)
	}
	return "/"
}

// asASCII writes an address as pages can hold it, and headers: queries may have letters in
// them as an old browser writes them.
func asASCII(address string) string {
	var b strings.Builder
	for i := range len(address) {
		if c := address[i]; c < 0x80 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// redirect sends a browser to a path of ours, in full for HTTP/1.0, as it knows us.
func (p *Portal) redirect(x *exchange, to string) error {
	if strings.HasPrefix(to, "/") {
		to = strings.TrimSuffix(p.Gateway.Home(x.in), "/") + to
	}
	x.Header().Set("Location", to)
	return p.show(x, pageMoved, http.StatusFound, view{Title: "Go on", Link: short(to)})
}

// leadOn sends a browser on from a button of ours. Some keep what an address showed,
// whatever they are told, and would show the page with the button again: so it is an
// address that they have not seen.
func (p *Portal) leadOn(x *exchange, to string) error { return p.redirect(x, unseen(to)) }

var seen = regexp.MustCompile(`[?&]again=[a-z2-7]*$`)

// unseen adds to an address of ours what means nothing to WRP. One of another host stays
// as it is.
func unseen(to string) string {
	if !strings.HasPrefix(to, "/") {
		return to
	}
	to = seen.ReplaceAllLiteralString(to, "")
	mark := "?"
	if strings.Contains(to, "?") {
		mark = "&"
	}
	return to + mark + "again=" + strings.ToLower(rand.Text()[:8])
}

// form reads a form that was sent. What is too long, or no form, has no values.
func (x *exchange) form() url.Values {
	rc := http.NewResponseController(x.ResponseWriter)
	x.read = true
	_ = rc.SetReadDeadline(time.Now().Add(formTimeout)) // of a connection that has none nothing is read later
	x.in.Body = http.MaxBytesReader(x.ResponseWriter, x.in.Body, maxForm)
	if err := x.in.ParseForm(); err != nil {
		return url.Values{}
	}
	_ = rc.SetReadDeadline(time.Time{}) // one that passes later would look as if the client had left
	return x.in.PostForm
}

// limitRest bounds how long the server reads what is left of a body that nobody wants.
func (x *exchange) limitRest() {
	if x.in.ContentLength != 0 && !x.read {
		_ = http.NewResponseController(x.ResponseWriter).SetReadDeadline(time.Now().Add(restOfBody)) // as in form
	}
}

// isOver reports whether an error means that the session is over.
func isOver(err error) bool { return errors.Is(err, gateway.ErrEnded) }
