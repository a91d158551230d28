package auth

import (
	"net/http"
	"strings"
)

// A Role is what whoever has a token may do.
type Role string

// The roles. None includes another: what several may do is said where it is done.
const (
	Nobody   Role = ""         // the token is nobody's
	Client   Role = "client"   // has a session of its own
	Backend  Role = "backend"  // has sessions for users that it names
	Operator Role = "operator" // sees and changes everything
	Metrics  Role = "metrics"  // watches
)

// Tokens are the secrets of each role. An empty one opens nothing.
type Tokens struct {
	Client         string
	PreviousClient string // a client's as well, while clients learn the new one
	Backend        string
	Operator       string
	Metrics        string
}

// Role returns whose token that is, and whether it is the one that clients are to give
// up. All tokens are compared, so that the time says nothing.
func (t *Tokens) Role(token string) (role Role, previous bool) {
	for _, known := range []struct {
		token string
		role  Role
	}{{t.Client, Client}, {t.PreviousClient, Client}, {t.Backend, Backend}, {t.Operator, Operator}, {t.Metrics, Metrics}} {
		if Equal(token, known.token) {
			role = known.role
		}
	}
	return role, Equal(token, t.PreviousClient)
}

// Credentials are what a request shows to say whose it is.
type Credentials struct {
	Token string
	Shown bool // a header has a token, be it an empty one: who shows none has not failed
	Basic bool // a browser keeps it, and sends it for any page that asks: it is good for reading only
}

// ReadCredentials returns what [Token] does, or else the password of basic
// authentication, with whatever name.
func ReadCredentials(r *http.Request) Credentials {
	token, header := Token(r)
	if header != "" {
		return Credentials{Token: token, Shown: true}
	}
	_, password, ok := r.BasicAuth()
	return Credentials{Token: strings.TrimSpace(password), Shown: ok, Basic: ok}
}
