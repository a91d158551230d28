package database

import (
	"bytes"
	"strings"
	"testing"
)

func TestIdentityIsByteForByte(t *testing.T) {
	long := strings.Repeat("x", 8<<10)
	tests := []struct {
		name           string
		ip1, ua1       string
		ip2, ua2       string
		wantSameClient bool
	}{
		{"same", "192.0.2.1", "AmiFox", "192.0.2.1", "AmiFox", true},
		{"address", "192.0.2.1", "AmiFox", "192.0.2.2", "AmiFox", false},
		{"case", "192.0.2.1", "AmiFox", "192.0.2.1", "amifox", false},
		{"accent", "192.0.2.1", "é", "192.0.2.1", "e", false},
		{"after 255 characters", "192.0.2.1", long + "a", "192.0.2.1", long + "b", false},
		{"invalid UTF-8", "192.0.2.1", "\xff", "192.0.2.1", "\xfe", false},
		{"moved border", "192.0.2.1", "1AmiFox", "192.0.2.11", "AmiFox", false},
	}
	for _, tt := range tests {
		a, b := Identity(tt.ip1, tt.ua1), Identity(tt.ip2, tt.ua2)
		if len(a) != 32 || len(b) != 32 {
			t.Errorf("%s: lengths %d, %d, want 32", tt.name, len(a), len(b))
		}
		if got := bytes.Equal(a, b); got != tt.wantSameClient {
			t.Errorf("%s: same identity = %v, want %v", tt.name, got, tt.wantSameClient)
		}
	}
}

// TestKindsOfIdentitiesDoNotMeet: not by moving letters from one name to the next, nor by
// a User-Agent that looks like a name.
func TestKindsOfIdentitiesDoNotMeet(t *testing.T) {
	seen := make(map[string]string)
	for name, identity := range map[string][]byte{
		"backend anna":            NamedIdentity("backend", "anna"),
		"backend ann, a":          NamedIdentity("backend", "ann", "a"),
		"backend a, nna":          NamedIdentity("backend", "a", "nna"),
		"backend anna, nothing":   NamedIdentity("backend", "anna", ""),
		"backend Anna":            NamedIdentity("backend", "Anna"),
		"account anna":            NamedIdentity("account", "anna"),
		"backenda nna":            NamedIdentity("backenda", "nna"),
		"address backend":         Identity("backend", "anna"),
		"no address":              Identity("", "anna"),
		"no address, looks alike": Identity("", "\x00\x00\x00\x00\x00\x00\x00\x07backend\x00\x00\x00\x00\x00\x00\x00\x04anna"),
		"the text before":         Identity("wrp-distributor: an identity that is of no address", ""),
		"an address":              Identity("192.0.2.1", "anna"),
	} {
		if other, taken := seen[string(identity)]; taken || len(identity) != 32 {
			t.Errorf("%s and %s have the same identity, or one of %d bytes", name, other, len(identity))
		}
		seen[string(identity)] = name
	}
}
