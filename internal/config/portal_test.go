package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// settings returns variables from words such as PORTAL=off.
func settings(words string) map[string]string {
	variables := map[string]string{"AUTH_TOKEN": "k"}
	for word := range strings.FieldsSeq(words) {
		name, value, _ := strings.Cut(word, "=")
		variables[name] = value
	}
	return variables
}

func TestPortal(t *testing.T) {
	for _, tt := range []struct {
		variables string
		want      Portal
	}{
		{"", Portal{Wait: 3 * time.Second, PerAddress: 2}},
		{"PORTAL=off PORTAL_PROXY=off", Portal{Wait: 3 * time.Second, PerAddress: 2}},
		{"PORTAL=accounts GATEWAY_LISTEN=:80", Portal{Mode: PortalAccounts, Names: []string{"wrp.home"}, Wait: 3 * time.Second, PerAddress: 2}},
		{"PORTAL=Accounts PORTAL_PROXY=on GATEWAY_LISTEN=:80 GATEWAY_ADDRESS=WRP.example:81", Portal{Mode: PortalAccounts, Proxy: true, Names: []string{"wrp.example", "wrp.home"}, Wait: 3 * time.Second, PerAddress: 2}},
		{"PORTAL=anyone PORTAL_NAMES=a,B.example,a,[2001:db8::7] PORTAL_WAIT=1s PORTAL_PER_ADDRESS=5 GATEWAY_LISTEN=:80", Portal{Mode: PortalAnyone, Names: []string{"a", "b.example", "2001:db8::7"}, Wait: time.Second, PerAddress: 5}},
	} {
		c, err := parseEnv(settings(tt.variables))
		if err != nil {
			t.Errorf("%s: %v", tt.variables, err)
			continue
		}
		if diff := cmp.Diff(tt.want, c.Portal); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.variables, diff)
		}
	}
}

func TestBadPortalSettingIsOneProblem(t *testing.T) {
	for _, tt := range []struct{ variables, want string }{
		{"PORTAL=yes", `PORTAL="yes": want off, accounts or anyone`},
		{"PORTAL=accounts", `PORTAL="accounts": lets people in at the gateway, want GATEWAY_LISTEN as well`},
		{"PORTAL_PROXY=on", `PORTAL_PROXY="on": means nothing without the portal`},
		{"PORTAL_NAMES=a", `PORTAL_NAMES="a": means nothing without the portal`},
		{"PORTAL=anyone PORTAL_PROXY=on GATEWAY_LISTEN=:80", `PORTAL_PROXY="on": a proxy for anyone is misused`},
		{"PORTAL=anyone PORTAL_NAMES=a:80 GATEWAY_LISTEN=:80", `PORTAL_NAMES="a:80": entry "a:80": want a host name`},
		{"PORTAL=anyone PORTAL_PER_ADDRESS=0 GATEWAY_LISTEN=:80", `PORTAL_PER_ADDRESS="0": want a whole number from 1`},
		{"PORTAL_WAIT=31s", `PORTAL_WAIT="31s": want at most 30s`},
		{"PORTAL_WAIT=3", `PORTAL_WAIT="3": want a time`},
	} {
		if _, err := parseEnv(settings(tt.variables)); err == nil || !strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %s", tt.variables, err, tt.want)
		}
	}
}
