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
