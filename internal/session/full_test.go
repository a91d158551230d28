package session

import (
	"fmt"
	"strings"
	"testing"

	"wrpdistributor/internal/hosts"
)

// TestFullErrorIsShort: with a thousand hosts too, for it is logged for each client that
// is refused. With few it says all.
func TestFullErrorIsShort(t *testing.T) {
	few := &FullError{Reasons: []Reason{{Host: "a", Why: "full 2/2"}, {Host: "b", Why: "full 2/2"}, {Host: "c", Why: "down"}}}
	if got, want := few.Error(), "no host takes a container; a: full 2/2; b: full 2/2; c: down"; got != want {
		t.Errorf("with few hosts: %q, want %q", got, want)
	}
	many, differ := &FullError{}, &FullError{}
	for i := range 1000 {
		r := Reason{Host: fmt.Sprintf("h%d", i), Why: "full 60/60"}
		if i%500 == 7 {
			r.Why = "down"
		}
		many.Reasons = append(many.Reasons, r)
		differ.Reasons = append(differ.Reasons, Reason{Host: r.Host, Why: fmt.Sprint("down since ", i)})
	}
	if got, want := many.Error(), "no host takes a container; h0 and 997 more: full 60/60; h7 and 1 more: down"; got != want {
		t.Errorf("with many hosts: %q, want %q", got, want)
	}
	if got := differ.Error(); !strings.HasSuffix(got, "; h9: down since 9; and 990 hosts more") {
		t.Errorf("with many reasons: %q", got)
	}
}

// TestRefusedHostHasReason: those that are not asked, and they only.
func TestRefusedHostHasReason(t *testing.T) {
	for _, state := range []hosts.State{hosts.Unknown, hosts.Unreachable, hosts.Unusable, hosts.NoImage, hosts.Up} {
		for _, noTLS := range []string{"", "no certificate"} {
			for _, tls := range []bool{false, true} {
				st := hosts.Status{State: state, NoTLS: noTLS}
				if state == hosts.NoImage {
					st.Reason = "image missing"
				}
				if why := refusal(st, tls, nil); takes(st, tls) != (why == "") {
					t.Errorf("%s, %q, client over TLS %t: asked %t, reason %q", state, noTLS, tls, takes(st, tls), why)
				}
			}
		}
	}
}
