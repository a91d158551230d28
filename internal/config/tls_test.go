package config

import (
	"crypto/tls"
	"strings"
	"testing"

	"wrpdistributor/internal/hosts"
)

func TestAPIOverTLSFollowsFromItsPort(t *testing.T) {
	for _, tt := range []struct {
		variables map[string]string
		want      TLS
	}{
		{nil, TLS{}},
		{map[string]string{"TLS_LISTEN": ":7443"}, TLS{Listen: ":7443", Oldest: tls.VersionTLS10}},
		{map[string]string{"TLS_LISTEN": ":7443", "TLS_CERT": "/c~/k", "TLS_MIN_VERSION": "1.2"},
			TLS{Listen: ":7443", Cert: &hosts.TLSFiles{Cert: "/c", Key: "/k"}, Oldest: tls.VersionTLS12}},
	} {
		c, err := parseEnv(withToken(tt.variables))
		if err != nil {
			t.Errorf("%v: %v", tt.variables, err)
			continue
		}
		got := c.TLS
		sameCert := (got.Cert == nil) == (tt.want.Cert == nil) && (got.Cert == nil || *got.Cert == *tt.want.Cert)
		if got.Listen != tt.want.Listen || got.Oldest != tt.want.Oldest || !sameCert {
			t.Errorf("%v: TLS = %+v, want %+v", tt.variables, got, tt.want)
		}
	}
}

func TestBadTLSSettingIsOneProblem(t *testing.T) {
	for _, tt := range []struct {
		variables map[string]string
		want      string
	}{
		{map[string]string{"TLS_LISTEN": "7443"}, `TLS_LISTEN="7443": want host:port`},
		{map[string]string{"TLS_LISTEN": ":7777"}, `TLS_LISTEN=":7777": is where LISTEN is without TLS, want another port`},
		{map[string]string{"TLS_LISTEN": ":1", "TLS_CERT": "/c"}, `TLS_CERT="/c": want cert~key`},
		{map[string]string{"TLS_CERT": "/c~/k"}, `TLS_CERT="/c~/k": means nothing without a port, want TLS_LISTEN as well`},
		{map[string]string{"TLS_LISTEN": ":1", "TLS_MIN_VERSION": "ssl3"}, `TLS_MIN_VERSION="ssl3": want 1.0, 1.1, 1.2 or 1.3`},
	} {
		_, err := parseEnv(withToken(tt.variables))
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %v, want %s alone", tt.variables, err, tt.want)
		}
	}
}

func withToken(variables map[string]string) map[string]string {
	all := map[string]string{"AUTH_TOKEN": "k"}
	for name, value := range variables {
		all[name] = value
	}
	return all
}
