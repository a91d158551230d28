package httpapi

import (
	"net/http/httptest"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func FuzzBody(f *testing.F) {
	for _, seed := range []struct{ kind, body string }{
		{"application/x-www-form-urlencoded", "ssl=true"},
		{"", "ssl=%zz"},
		{"application/json", `{"ssl":true}`},
		{"application/json; charset=utf-8", `{"ssl":[1]}`},
		{"a;b;c", "ssl"},
	} {
		f.Add(seed.kind, seed.body)
	}
	f.Fuzz(func(t *testing.T, kind, body string) {
		r := httptest.NewRequest("PUT", "/", strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		tls, err := wantsTLS(httptest.NewRecorder(), r)
		if tls && (err != nil || !strings.Contains(strings.ToLower(body), "s")) {
			t.Errorf("body %q (%q) wants TLS, %v", body, kind, err)
		}
	})
}

// FuzzWanted: what is accepted names a user whose name is stored, hashed and compared as
// it was sent.
func FuzzWanted(f *testing.F) {
	for _, body := range []string{"", `{}`, `{"tls":true}`, `{"user":"anna"}`, `{"user":"\u0000"}`, `{"user":"\ud800"}`, "{\"user\":\"\xff\"}", `{"USER":"Zo\u00eb "}`, `{} {}`, `null`, `[]`} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest("POST", "/v1/sessions", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		want, err := readWanted(httptest.NewRecorder(), r)
		if err != nil && want != (wanted{}) {
			t.Errorf("body %q is refused, and wants %+v", body, want)
		}
		if want.TLS && !strings.Contains(body, "true") {
			t.Errorf("body %q wants TLS", body)
		}
		if !isName(want.User) {
			return
		}
		if !utf8.ValidString(want.User) || len(want.User) > maxUser || strings.ContainsFunc(want.User, unicode.IsControl) {
			t.Errorf("body %q names the user %q", body, want.User)
		}
	})
}
