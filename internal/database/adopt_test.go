package database

import (
	"bytes"
	"database/sql"
	"testing"
	"time"
)

func TestCanonical(t *testing.T) {
	tests := []struct{ text, want string }{
		{"192.0.2.1", "192.0.2.1"},
		{"10.0.0.1, 192.0.2.1", "192.0.2.1"},
		{"192.0.2.1,unknown", "192.0.2.1"},
		{"192.0.2.1, ", "192.0.2.1"},
		{"2001:DB8:0::1", "2001:db8::1"},
		{"::ffff:192.0.2.1", "192.0.2.1"},
		{"fe80::1%eth0", "fe80::1"},
		{"192.0.2.1:4711", "192.0.2.1"},
		{"[2001:db8::1]:4711", "2001:db8::1"},
		{"[2001:db8::1]", "2001:db8::1"},
		{"unknown, nobody", "unknown, nobody"},
		{"10.0.0.1, 2001:db8:85a3:8d3:1319:8a2e:", "10.0.0.1"}, // cut off by the column
		{"", ""},
	}
	for _, tt := range tests {
		if got := canonical(tt.text); got != tt.want {
			t.Errorf("canonical(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}

// TestLaterUsedSessionKeepsClient checks which of two sessions of one client stays.
func TestLaterUsedSessionKeepsClient(t *testing.T) {
	at := func(second int64) time.Time { return time.Unix(second, 0) }
	tests := []struct {
		name   string
		second original // next to one of 192.0.2.1, "x", used at 10
		wins   bool
	}{
		{"used later", original{ip: "192.0.2.1", userAgent: "x", used: at(11)}, true},
		{"used earlier", original{ip: "192.0.2.1", userAgent: "x", used: at(9)}, false},
		{"used at the same time", original{ip: "192.0.2.1", userAgent: "x", used: at(10)}, true},
		{"the same by a proxy's list", original{ip: "10.0.0.9,192.0.2.1", userAgent: "x", used: at(11)}, true},
	}
	for _, tt := range tests {
		first := original{id: 1, ip: "192.0.2.1", userAgent: "x", used: at(10), port: port(9000)}
		tt.second.id, tt.second.port = 2, port(9001)
		got := adopt([]original{first, tt.second})
		winner, loser := got[0], got[1]
		if tt.wins {
			winner, loser = loser, winner
		}
		if winner.state != "running" || !bytes.Equal(winner.identity, Identity("192.0.2.1", "x")) {
			t.Errorf("%s: session %d is %s with identity %x, want it to run for the client", tt.name, winner.id, winner.state, winner.identity)
		}
		if loser.state != "stopping" || loser.identity != nil {
			t.Errorf("%s: session %d is %s with identity %x, want it stopping without one", tt.name, loser.id, loser.state, loser.identity)
		}
	}
}

// TestDistinctClientsStayDistinct checks that clients which the original's own unique
// key told apart stay apart.
func TestDistinctClientsStayDistinct(t *testing.T) {
	got := adopt([]original{
		{id: 1, ip: "192.0.2.1", userAgent: "x", port: port(9000)},
		{id: 2, ip: "192.0.2.1", userAgent: "y", port: port(9001)},
		{id: 3, ip: "192.0.2.2", userAgent: "x", port: port(9002)},
	})
	for _, s := range got {
		if s.state != "running" || s.identity == nil {
			t.Errorf("session %d is %s with identity %x, want it to run", s.id, s.state, s.identity)
		}
	}
}

// TestAdoptedSlotsAreRanksByHost checks ranks by host, and that a session of unknown port
// neither takes another's port nor the client from a session that can be used.
func TestAdoptedSlotsAreRanksByHost(t *testing.T) {
	unknown := sql.Null[uint16]{}
	got := adopt([]original{
		{id: 3, ip: "192.0.2.3", host: "a", port: port(9000)},
		{id: 4, ip: "192.0.2.4", host: "b", port: port(9000)},
		{id: 5, ip: "192.0.2.5", host: "a", port: unknown},
		{id: 6, ip: "192.0.2.6", host: "A", port: port(9000)},
		{id: 7, ip: "192.0.2.3", host: "a", port: unknown, used: time.Unix(99, 0)},
		{id: 9, ip: "192.0.2.9", host: "a", port: port(0)},
	})
	want := []struct {
		slot  int
		port  uint16
		state string
	}{{0, 9000, "running"}, {0, 9000, "running"}, {1, 1, "stopping"}, {0, 9000, "running"}, {2, 2, "stopping"}, {3, 0, "running"}}
	for i, s := range got {
		if s.slot != want[i].slot || s.port.V != want[i].port || s.state != want[i].state {
			t.Errorf("session %d on %s: slot %d, port %d, %s; want %+v", s.id, s.host, s.slot, s.port.V, s.state, want[i])
		}
	}
}

func port(n uint16) sql.Null[uint16] { return sql.Null[uint16]{V: n, Valid: true} }

// FuzzCanonical checks that the form of an address does not depend on how often
// it is brought into it.
func FuzzCanonical(f *testing.F) {
	f.Add("10.0.0.1, [2001:DB8::1%eth0]:80,")
	f.Fuzz(func(t *testing.T, text string) {
		once := canonical(text)
		if twice := canonical(once); twice != once {
			t.Errorf("canonical(%q) = %q, and of that = %q", text, once, twice)
		}
	})
}
