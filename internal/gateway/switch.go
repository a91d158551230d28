package gateway

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"wrpdistributor/internal/auth"
)

const (
	nonceField  = "nonce"
	maxFormSize = 4 << 10
)

// switchPage is what a browser gets that is in one session and comes to the entrance
// of another: any page of the web can lead it there.
const switchPage = `<p>Your browser is in a session already. The address that you opened leads into
another one. If you did not ask for that, stay where you are.</p>
<p><a href="/">Stay in your session</a></p>
<form method="POST" action="/s/%s/">
<input type="hidden" name="` + nonceField + `" value="%s">
<input type="submit" value="Go to the other session">
</form>`

// nonce is what the form holds that takes a browser from one session to another. Only
// who knows both tokens knows it, so no other page can send the form; and every
// process knows it.
func nonce(from, to string) string {
	mac := hmac.New(sha256.New, []byte(from))
	mac.Write([]byte("switch to " + to))
	return hex.EncodeToString(mac.Sum(nil))
}

// confirmed reports whether a request is the form with which the browser's user
// leaves the session that its cookie names.
func (g *Gateway) confirmed(x *exchange, to string) bool {
	from, _ := g.cookieToken(x.in)
	if x.in.Method != http.MethodPost || from == "" {
		return false
	}
	x.body = &requestBody{ReadCloser: x.in.Body, guard: x.guard}
	body, err := io.ReadAll(io.LimitReader(x.body, maxFormSize))
	if err != nil {
		return false
	}
	form, err := url.ParseQuery(string(body))
	return err == nil && auth.Equal(form.Get(nonceField), nonce(from, to))
}

// inOtherSession returns the token of the session that the browser is in, if it is
// another than that one, and has not ended.
func (g *Gateway) inOtherSession(x *exchange, to *route) (token string, err error) {
	token, _ = g.cookieToken(x.in)
	r, err := g.find(x.in.Context(), token)
	switch {
	case err == errUnauthorized, errors.Is(err, ErrEnded), err == nil && r == to:
		return "", nil
	}
	return token, err
}

// askToSwitch answers with the page that asks which session it shall be.
func (x *exchange) askToSwitch(from, to string) {
	x.Header().Set("X-Frame-Options", "DENY") // nobody is to press the button unseen
	x.page(http.StatusOK, "This is another session", fmt.Sprintf(switchPage, to, nonce(from, to)))
}
