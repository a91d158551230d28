package gateway

import (
	"fmt"
	"html"
	"net/http"
	"strconv"
	"strings"
)

// cookieName is the cookie that holds the token of a plain browser.
const cookieName = "wrp_session"

// enter lets a plain browser in, which cannot send headers: the token in the path
// becomes a cookie.
func (g *Gateway) enter(f *exchange, token string) error {
	if f.in.Method != http.MethodGet && f.in.Method != http.MethodHead {
		f.Header().Set("Allow", "GET, HEAD")
		return errMethod
	}
	var err error
	if f.route, err = g.find(f.in.Context(), token); err != nil {
		return err
	}
	h := f.Header()
	cookie := http.Cookie{Name: cookieName, Value: f.route.session.Token, Path: "/", HttpOnly: true, Secure: f.in.TLS != nil, SameSite: http.SameSiteLaxMode}
	h.Set("Set-Cookie", cookie.String())
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	to := g.home(f.in)
	h.Set("Location", to)
	f.page(http.StatusFound, fmt.Sprintf(`<a href="%s">WRP</a>`, html.EscapeString(to)))
	return nil
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

// removeCookie takes our cookie out of a request's, and leaves the others as they
// came.
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

// page answers with a short page of known length, which HTTP/1.0 clients need.
func (f *exchange) page(code int, body string) {
	f.Header().Set("Content-Type", "text/html;charset=UTF-8")
	f.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if f.body == nil && f.in.ContentLength != 0 {
		f.hurry()
	}
	f.WriteHeader(code)
	_, _ = f.Write([]byte(body)) // a client that left is not waiting for it
}
