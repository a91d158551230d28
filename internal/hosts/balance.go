package hosts

import "math/rand/v2"

// A Load is how full one host is.
type Load struct {
	Host string
	Used int // claimed slots, less those of containers that wait for a client
	Max  int

	// What a strategy that goes by memory looks at.
	Waiting int   // slots of containers that wait for a client
	Memory  int64 // for containers, in bytes
}

// A Strategy chooses the host that gets the next container: an index into
// loads, which are in the configured order. It reports whether one has room.
type Strategy func(loads []Load) (i int, ok bool)

// FillHost fills the first host, then the next.
func FillHost(loads []Load) (int, bool) {
	for i, l := range loads {
		if l.Used < l.Max {
			return i, true
		}
	}
	return 0, false
}

// Equal chooses the host with the fewest containers, among equals any.
func Equal(loads []Load) (int, bool) {
	return best(loads, func(a, b Load) bool { return a.Used < b.Used })
}

// best returns the host with room that is better than all others, among equals any.
func best(loads []Load, better func(a, b Load) bool) (int, bool) {
	best, ties := -1, 0
	for i, l := range loads {
		switch {
		case l.Used >= l.Max:
			continue
		case best < 0 || better(l, loads[best]):
			best, ties = i, 1
		case !better(loads[best], l):
			// Each of n equals must win with chance 1/n.
			ties++
			if rand.IntN(ties) == 0 {
				best = i
			}
		}
	}
	return best, best >= 0
}
