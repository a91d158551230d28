package httpapi

import (
	"net/http/httptest"
	"strings"
	"testing"
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
