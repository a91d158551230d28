package auth

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestToken(t *testing.T) {
	for _, tt := range []struct {
		bearer        []string
		authorization string
		token, header string
	}{
		{nil, "", "", ""},
		{[]string{"a"}, "", "a", "Bearer"},
		{[]string{"a", " b "}, "Bearer c", "b", "Bearer"},
		{[]string{""}, "Bearer c", "", "Bearer"},
		{nil, "bearer  c ", "c", "Authorization"},
		{nil, "Bearer", "", "Authorization"},
		{nil, "Basic c", "", ""},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Bearer"] = tt.bearer
		r.Header.Set("Authorization", tt.authorization)
		if token, header := Token(r); token != tt.token || header != tt.header {
			t.Errorf("Bearer %q, Authorization %q: token %q in %q, want %q in %q", tt.bearer, tt.authorization, token, header, tt.token, tt.header)
		}
	}
}

func TestEqual(t *testing.T) {
	for _, tt := range []struct {
		got, want string
		equal     bool
	}{
		{"secret", "secret", true},
		{"secret", "Secret", false},
		{"secre", "secret", false},
		{"", "secret", false},
		{"", "", false},
	} {
		if got := Equal(tt.got, tt.want); got != tt.equal {
			t.Errorf("Equal(%q, %q) = %t", tt.got, tt.want, got)
		}
	}
}

// TestFailuresAreCountedPerNetwork: whoever has an IPv6 address has a whole /64.
func TestFailuresAreCountedPerNetwork(t *testing.T) {
	g := New(nil, slog.New(slog.DiscardHandler))
	fail := func(peer string) int {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = peer
		return g.Failed(httptest.NewRecorder(), r)
	}
	for i := range maxFailures {
		if got := fail("[2001:db8::1]:1"); got != http.StatusUnauthorized {
			t.Fatalf("failure %d is answered %d", i+1, got)
		}
	}
	for peer, want := range map[string]int{"[2001:db8::2]:1": 429, "[2001:db8:0:1::1]:1": 401, "192.0.2.1:1": 401} {
		if got := fail(peer); got != want {
			t.Errorf("a failure of %s is answered %d, want %d", peer, got, want)
		}
	}
}
