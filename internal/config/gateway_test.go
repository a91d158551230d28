package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wrpdistributor/internal/hosts"
)

func TestGatewayAddressesFollowFromListen(t *testing.T) {
	for _, tt := range []struct {
		listen, address, tlsListen, tlsAddress, cert, freeze string
		want                                                 Gateway
	}{
		{listen: "127.0.0.1:0", want: Gateway{Listen: "127.0.0.1:0", Address: ":0"}},
		{listen: ":80", address: "wrp.example", want: Gateway{Listen: ":80", Address: "wrp.example:80"}},
		{listen: ":80", address: "wrp.example:8080", want: Gateway{Listen: ":80", Address: "wrp.example:8080"}},
		{listen: ":80", address: "2001:db8::7", want: Gateway{Listen: ":80", Address: "[2001:db8::7]:80"}},
		{listen: ":80", address: "[2001:db8::7]:81", freeze: "30s", want: Gateway{Listen: ":80", Address: "[2001:db8::7]:81", FreezeAfter: 30 * time.Second}},
		{listen: ":80", tlsListen: ":443", want: Gateway{Listen: ":80", Address: ":80", TLSListen: ":443", TLSAddress: ":443"}},
		{listen: ":80", tlsListen: ":443", address: "a", cert: "self-signed", want: Gateway{Listen: ":80", Address: "a:80", TLSListen: ":443", TLSAddress: "a:443"}},
		{listen: ":80", tlsListen: ":443", address: "a", tlsAddress: "b", cert: "/c~/k", want: Gateway{Listen: ":80", Address: "a:80", TLSListen: ":443", TLSAddress: "b:443", Cert: &hosts.TLSFiles{Cert: "/c", Key: "/k"}}},
		{listen: ":80", tlsListen: ":443", address: "a:1", tlsAddress: "b:2", want: Gateway{Listen: ":80", Address: "a:1", TLSListen: ":443", TLSAddress: "b:2"}},
	} {
		c, err := parseEnv(map[string]string{
			"AUTH_TOKEN": "k", "GATEWAY_LISTEN": tt.listen, "GATEWAY_ADDRESS": tt.address, "FREEZE_AFTER": tt.freeze,
			"GATEWAY_TLS_LISTEN": tt.tlsListen, "GATEWAY_TLS_ADDRESS": tt.tlsAddress, "GATEWAY_TLS_CERT": tt.cert,
		})
		if err != nil {
			t.Errorf("%+v: %v", tt, err)
			continue
		}
		if diff := cmp.Diff(tt.want, c.Gateway); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", tt, diff)
		}
	}
}

func TestBadGatewayOrWarmSettingIsOneProblem(t *testing.T) {
	for _, tt := range []struct {
		variables, want string
	}{
		{"GATEWAY_LISTEN=8080", `GATEWAY_LISTEN="8080": want host:port`},
		{"GATEWAY_LISTEN=:1 GATEWAY_ADDRESS=a:b", `GATEWAY_ADDRESS="a:b": want host:port`},
		{"GATEWAY_LISTEN=:1 GATEWAY_ADDRESS=-a", `GATEWAY_ADDRESS="-a": want a host name`},
		{"GATEWAY_LISTEN=:1 GATEWAY_TLS_LISTEN=x", `GATEWAY_TLS_LISTEN="x": want host:port`},
		{"GATEWAY_LISTEN=:1 GATEWAY_TLS_LISTEN=:2 GATEWAY_TLS_CERT=/c", `GATEWAY_TLS_CERT="/c": want cert~key`},
		{"GATEWAY_LISTEN=:1 FREEZE_AFTER=29s", `FREEZE_AFTER="29s": want at least 30s`},
		{"GATEWAY_LISTEN=:1 FREEZE_AFTER=often", `FREEZE_AFTER="often": want a time`},
		{"FREEZE_AFTER=1m", `FREEZE_AFTER="1m": means nothing without a gateway, want GATEWAY_LISTEN as well`},
		{"GATEWAY_TLS_LISTEN=:443", `GATEWAY_TLS_LISTEN=":443": means nothing without a gateway`},
		{"GATEWAY_ADDRESS=a", `GATEWAY_ADDRESS="a": means nothing without a gateway`},
		{"WARM_CONTAINERS=11", `WARM_CONTAINERS="11": host "local": want, together with WARM_TLS_CONTAINERS, at most its MAX_CONTAINERS_RUNNING, which is 10`},
		{"WARM_CONTAINERS=-1", `WARM_CONTAINERS="-1": entry "-1": want a whole number from 0`},
		{"WARM_CONTAINERS=1,2", `WARM_CONTAINERS="1,2": number of entries: 2, want 1`},
		{"WARM_TLS_CONTAINERS=1", `WARM_TLS_CONTAINERS="1": no host has a certificate`},
		{"WARM_TLS_CONTAINERS=1 GATEWAY_LISTEN=:1 CONTAINER_HOSTS_TLS_CERTS=/c~/k", `WARM_TLS_CONTAINERS="1": behind a gateway`},
		{"WARM_CONTAINERS=6 WARM_TLS_CONTAINERS=5 CONTAINER_HOSTS_TLS_CERTS=/c~/k", `WARM_CONTAINERS="6": host "local": want, together`},
		{"WARM_RELEASE_ON_EXIT=maybe", `WARM_RELEASE_ON_EXIT="maybe": want yes or no`},
		{"WARM_MAX_AGE=59s", `WARM_MAX_AGE="59s": want at least 1m0s`},
		{"WARM_MAX_AGE=0s", `WARM_MAX_AGE="0s": want a time`},
	} {
		variables := map[string]string{"AUTH_TOKEN": "k"}
		for word := range strings.FieldsSeq(tt.variables) {
			name, value, _ := strings.Cut(word, "=")
			variables[name] = value
		}
		if _, err := parseEnv(variables); err == nil || !strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %s", tt.variables, err, tt.want)
		}
	}
}

// Those for TLS are kept only where there is a certificate.
func TestWarmContainersForOneOrEachHost(t *testing.T) {
	for _, tt := range []struct {
		plain, tls string
		want       [2][2]int
	}{
		{"2", "1", [2][2]int{{2, 0}, {2, 1}}},
		{"0,3", "5,0", [2][2]int{{0, 0}, {3, 0}}},
	} {
		c := &Config{Hosts: []hosts.Host{{Name: "a", Max: 9}, {Name: "b", Max: 9, TLS: &hosts.TLSFiles{}}}}
		p := new(parser)
		p.warm(c.Hosts, &variables{WarmContainers: tt.plain, WarmTLSContainers: tt.tls})
		var got [2][2]int
		for i, h := range c.Hosts {
			got[i] = [2]int{h.Warm, h.WarmTLS}
		}
		if got != tt.want || len(p.problems) > 0 {
			t.Errorf("%q and %q: %v and problems %v, want %v", tt.plain, tt.tls, got, p.problems, tt.want)
		}
	}
}
