package gateway

import (
	"cmp"
	"fmt"
	"html"
	"net/http"
	"slices"
	"strings"
	"time"

	"wrpdistributor/internal/auth"
)

// oldCookie is what the cookie was called when all gateways on a host name had the same:
// cookies know no ports. It is read for as long as browsers have it.
const oldCookie = "wrp_session"

// LoginCookie is what the names of cookies begin with that say who somebody is. No
// container gets one.
const LoginCookie = "wrp_login_"

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
	if !g.confirmed(x, token) {
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
	g.setCookie(x.in, x.Header(), token)
	to := g.Home(x.in)
	x.Header().Set("Location", to)
	x.page(http.StatusFound, "Your session", fmt.Sprintf(`<p><a href="%s">Go on to your session</a></p>`, html.EscapeString(to)))
}

// Home returns the address of /, in full for HTTP/1.0, as the client knows it.
func (g *Gateway) Home(r *http.Request) string {
	scheme, host := g.origin(r)
	if host == "" {
		return "/"
	}
	return scheme + "://" + host + "/"
}

// origin returns scheme and host of the address that the client used. For the host of one
// that names none stands the configured one, or the address that it found us at.
func (g *Gateway) origin(r *http.Request) (scheme, host string) {
	scheme, host = g.Guard.Origin(r)
	if host == "" && scheme == "https" {
		host = g.TLSAddress
	}
	host = cmp.Or(host, g.Address)
	if on := auth.CameInOn(r); host == "" && on.IsValid() {
		host = on.String()
	}
	return scheme, host
}

// setCookie gives a browser the cookie, and takes the old one if it was one of ours. It
// may be another gateway's else.
func (g *Gateway) setCookie(r *http.Request, h http.Header, token string) {
	scheme, _ := g.origin(r)
	c := http.Cookie{Name: g.cookie, Value: token, Path: "/", HttpOnly: true, Secure: scheme == "https", SameSite: http.SameSiteLaxMode}
	h.Add("Set-Cookie", c.String())
	old := cookieValue(r, oldCookie)
	if old == "" {
		return
	}
	if _, err := g.routes.find(old); err == errUnauthorized {
		return
	}
	c = http.Cookie{Name: oldCookie, Path: "/", MaxAge: -1, Expires: time.Unix(1, 0)}
	h.Add("Set-Cookie", c.String())
}

// ForgetCookie has a browser forget its session, which goes on.
func (g *Gateway) ForgetCookie(h http.Header) {
	c := http.Cookie{Name: g.cookie, Path: "/", MaxAge: -1, Expires: time.Unix(1, 0)}
	h.Add("Set-Cookie", c.String())
}

// InSession returns a request as a browser would send it that has the cookie of the session
// which a token opens.
func (g *Gateway) InSession(r *http.Request, token string) *http.Request {
	in := r.WithContext(r.Context())
	in.Header = r.Header.Clone()
	in.Header.Del("Cookie")
	in.AddCookie(&http.Cookie{Name: g.cookie, Value: token})
	return in
}

// cookieToken returns the token of a plain browser, and whether it is in the old cookie.
func (g *Gateway) cookieToken(r *http.Request) (token string, old bool) {
	if token = cookieValue(r, g.cookie); token != "" {
		return token, false
	}
	return cookieValue(r, oldCookie), true
}

func cookieValue(r *http.Request, name string) string {
	cookie, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return cookie.Value
}

// isGatewayCookie reports whether a cookie is this gateway's or another one's on the same
// host name, whose token is not for our containers, or says who somebody is.
func isGatewayCookie(name string) bool {
	return name == oldCookie || strings.HasPrefix(name, oldCookie+"_") || strings.HasPrefix(name, LoginCookie)
}

// removeCookies takes the cookies of gateways out of a request's header, and leaves
// the others as they came.
func removeCookies(h http.Header) {
	var others []string
	for _, line := range h.Values("Cookie") {
		var kept []string
		for part := range strings.SplitSeq(line, ";") {
			name, _, _ := strings.Cut(part, "=")
			if part = strings.TrimSpace(part); part != "" && !isGatewayCookie(strings.TrimSpace(name)) {
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

// removeSetCookies takes out of an answer's header what would set a cookie of gateways: a
// container whose host somebody has taken over would have a browser be in another session,
// or somebody else. A cookie without a name is sent as if its value began with one.
func removeSetCookies(h http.Header) {
	lines := slices.DeleteFunc(h["Set-Cookie"], func(line string) bool {
		name, _, _ := strings.Cut(strings.TrimLeft(line, " \t="), "=")
		return isGatewayCookie(strings.TrimSpace(name))
	})
	if len(lines) == 0 {
		h.Del("Set-Cookie")
		return
	}
	h["Set-Cookie"] = lines
}
