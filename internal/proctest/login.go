package proctest

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// Basic is how a browser says who its person is that was asked for it.
func Basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

var nonceField = regexp.MustCompile(`name="nonce" value="([^"]*)"`)

// Nonce returns what the first form of a page of the portal is to send; empty: it has no
// form.
func (a Answer) Nonce() string {
	if m := nonceField.FindStringSubmatch(a.Body); m != nil {
		return m[1]
	}
	return ""
}

// Cookies are those that the answer gives, as a browser sends them back.
func (a Answer) Cookies() string {
	var list []string
	for _, c := range (&http.Response{Header: a.Header}).Cookies() {
		if c.MaxAge >= 0 {
			list = append(list, c.Name+"="+c.Value)
		}
	}
	return strings.Join(list, "; ")
}

// LogIn gives name and password in the portal's form, as a browser does that keeps
// cookies. The cookie that the answer has says who it is.
func LogIn(ctx context.Context, base, user, password string) (Answer, error) {
	page, err := Do(ctx, Request{Method: http.MethodGet, URL: base + "/~/login"})
	if err != nil {
		return page, err
	}
	if page.Nonce() == "" {
		return page, fmt.Errorf("no form to log in: %d %.200q", page.Code, page.Body)
	}
	return Do(ctx, Request{
		Method: http.MethodPost, URL: base + "/~/login", Header: http.Header{"Cookie": {page.Cookies()}},
		Form: url.Values{"nonce": {page.Nonce()}, "name": {user}, "password": {password}},
	})
}
