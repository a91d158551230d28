package auth

import (
	"net/http/httptest"
	"testing"
)

func TestTokenHasOneRole(t *testing.T) {
	all := Tokens{Client: "c", PreviousClient: "p", Backend: "b", Operator: "o", Metrics: "m"}
	for _, tt := range []struct {
		tokens   Tokens
		token    string
		role     Role
		previous bool
	}{
		{all, "c", Client, false},
		{all, "p", Client, true},
		{all, "b", Backend, false},
		{all, "o", Operator, false},
		{all, "m", Metrics, false},
		{all, "", Nobody, false},
		{all, "x", Nobody, false},
		{Tokens{Client: "c"}, "", Nobody, false},
		{Tokens{}, "", Nobody, false},
	} {
		if role, previous := tt.tokens.Role(tt.token); role != tt.role || previous != tt.previous {
			t.Errorf("Role(%q) = %q, %t, want %q, %t", tt.token, role, previous, tt.role, tt.previous)
		}
	}
}

func TestCredentials(t *testing.T) {
	const basic = "Basic YW5uYTpzM2NyZXQ=" // anna:s3cret
	for _, tt := range []struct {
		bearer, authorization string
		want                  Credentials
	}{
		{"", "", Credentials{}},
		{"", "Bearer s3cret", Credentials{Token: "s3cret", Shown: true}},
		{"", "bearer  s3cret ", Credentials{Token: "s3cret", Shown: true}},
		{"", "Bearer ", Credentials{Shown: true}},
		{"", basic, Credentials{Token: "s3cret", Shown: true, Basic: true}},
		{"", "Basic YW5uYTo=", Credentials{Shown: true, Basic: true}},
		{"", "Basic !", Credentials{}},
		{"", "Digest s3cret", Credentials{}},
		{"other", basic, Credentials{Token: "other", Shown: true}},
		{" ", basic, Credentials{Shown: true}},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		if tt.bearer != "" {
			r.Header.Set("Bearer", tt.bearer)
		}
		if tt.authorization != "" {
			r.Header.Set("Authorization", tt.authorization)
		}
		if got := ReadCredentials(r); got != tt.want {
			t.Errorf("Bearer %q, Authorization %q: %+v, want %+v", tt.bearer, tt.authorization, got, tt.want)
		}
	}
}
