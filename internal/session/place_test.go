package session

import "testing"

// TestNoSparePorts: with none, a container never gets a port above the slots'.
func TestNoSparePorts(t *testing.T) {
	on := &occupancy{slots: map[int]bool{0: true}, ports: map[int]bool{100: true}}
	if slot, port, ok := on.free(3, portRange{100, 0}, func(port int) bool { return port < 102 }); slot != 2 || port != 102 || !ok {
		t.Errorf("slot %d, port %d, %t; want slot 2, port 102", slot, port, ok)
	}
	if slot, port, ok := on.free(3, portRange{100, 0}, func(port int) bool { return port < 103 }); ok {
		t.Errorf("slot %d, port %d though foreign processes hold all ports, want none", slot, port)
	}
}

// TestPlaceAvoidsForeignPorts: first the ports of the other free slots, then those
// above the range, and no more than the spare ones.
func TestPlaceAvoidsForeignPorts(t *testing.T) {
	set := func(list ...int) map[int]bool {
		m := make(map[int]bool)
		for _, v := range list {
			m[v] = true
		}
		return m
	}
	span := func(from, to int) (list []int) {
		for i := from; i <= to; i++ {
			list = append(list, i)
		}
		return list
	}
	for _, tt := range []struct {
		name                  string
		slots, ports, foreign map[int]bool
		slot, port            int // port 0: none
	}{
		{"empty host", set(), set(), set(), 0, 100},
		{"lowest free slot", set(0, 2), set(100, 102), set(), 1, 101},
		{"foreign process on the first port", set(), set(), set(100), 1, 101},
		{"foreign process, one slot left", set(1, 2), set(101, 102), set(100), 0, 103},
		{"foreign processes on all ports", set(), set(), set(100, 101, 102), 0, 103},
		{"port above is used", set(0), set(103), set(101, 102), 1, 104},
		{"a session holds another slot's port", set(0), set(101), set(), 2, 102},
		{"sixteen above", set(), set(), set(span(100, 117)...), 0, 118},
		{"no more", set(), set(), set(span(100, 118)...), 0, 0},
		{"full", set(0, 1, 2), set(100, 101, 102), set(), 0, 0},
		{"lowered limit", set(5), set(105), set(), 0, 100},
	} {
		slot, port, ok := (&occupancy{slots: tt.slots, ports: tt.ports}).free(3, portRange{100, 16}, func(port int) bool { return tt.foreign[port] })
		if slot != tt.slot || port != tt.port || ok != (tt.port != 0) {
			t.Errorf("%s: slot %d, port %d, %t; want slot %d, port %d", tt.name, slot, port, ok, tt.slot, tt.port)
		}
	}
}
