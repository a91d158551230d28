package gateway

import (
	"fmt"
	"html"
	"net/http"
	"strings"
)

// cookieName is the cookie that holds the token of a plain browser.
const cookieName = "wrp_session"

// enter lets a plain browser in, which cannot send headers: the token in the path
// becomes a cookie. One that is in another session is asked before.
func (g *Gateway) enter(x *exchange, token string) error {
	to, err := g.find(x.in.Context(), token)
	if err != nil {
		return err
	}
	h := x.Header()
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	if !confirmed(x, token) {
		switch from, err := g.inOtherSession(x, to); {
		case err != nil:
			return err
		case from != "":
			x.askToSwitch(from, token)
			return nil
		case x.in.Method != http.MethodGet && x.in.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			return errMethod
		}
	}
	x.route = to
	g.admit(x, token)
	return nil
}

// admit gives a browser the cookie, and sends it to /.
func (g *Gateway) admit(x *exchange, token string) {
	cookie := http.Cookie{Name: cookieName, Value: token, Path: "/", HttpOnly: true, Secure: x.in.TLS != nil, SameSite: http.SameSiteLaxMode}
	x.Header().Set("Set-Cookie", cookie.String())
	to := g.home(x.in)
	x.Header().Set("Location", to)
	x.page(http.StatusFound, "Your session", fmt.Sprintf(`<P><A HREF="%s">Go on to your session</A></P>`, html.EscapeString(to)))
}

// home returns the address of /, in full for HTTP/1.0, under the name that the
// client used.
func (g *Gateway) home(r *http.Request) string {
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if host == "" {
		host = g.Address
	}
	if host == "" {
		return "/"
	}
	return scheme + "://" + host + "/"
}

// cookieToken returns the token of a plain browser.
func cookieToken(r *http.Request) string {
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return ""
	}
	return cookie.Value
}

// removeCookie takes the gateway's cookie out of a request's header, and leaves
// the others as they came.
func removeCookie(h http.Header) {
	var others []string
	for _, line := range h.Values("Cookie") {
		var kept []string
		for part := range strings.SplitSeq(line, ";") {
			name, _, _ := strings.Cut(part, "=")
			if part = strings.TrimSpace(part); part != "" && strings.TrimSpace(name) != cookieName {
				kept = append(kept, part)
			}
		}
		if len(kept) > 0 {
			others = append(others, strings.Join(kept, "; "))
		}
	}
	h.Del("Cookie")
	for _, line := range others {
		h.Add("Cookie", line)
	}
}
