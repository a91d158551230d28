package hosts

import (
	"testing"

	"pgregory.net/rapid"
)

// TestAutoLimitUsesMemoryUp: as many as fit, and no more, whatever the numbers are.
func TestAutoLimitUsesMemoryUp(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		memory := rapid.Int64Range(-1<<40, 1<<50).Draw(rt, "memory")
		container := rapid.Int64Range(6<<20, 1<<40).Draw(rt, "container")
		n := AutoLimit(memory, container)
		if n < 0 || n > MaxAuto || int64(n)*container > max(memory, 0) {
			rt.Fatalf("AutoLimit = %d, which does not fit", n)
		}
		if n < MaxAuto && int64(n+1)*container <= memory {
			rt.Fatalf("AutoLimit = %d, and one more fits", n)
		}
		if more := AutoLimit(memory+container, container); more < n {
			rt.Fatalf("AutoLimit = %d, and %d with more memory", n, more)
		}
	})
	if n := AutoLimit(1<<40, 0); n != 0 {
		t.Errorf("AutoLimit of containers without a limit = %d, want 0", n)
	}
}

// TestResourcesKeepsMemoryLevel: a host with room is chosen, none has more memory left,
// and where no limit is in the way hosts end up within one container of each other.
func TestResourcesKeepsMemoryLevel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		container := rapid.Int64Range(1, 8).Draw(rt, "container")
		choose := Resources(container)
		load := rapid.Custom(func(rt *rapid.T) Load {
			return Load{
				Used:    rapid.IntRange(0, 12).Draw(rt, "used"),
				Waiting: rapid.IntRange(0, 3).Draw(rt, "waiting"),
				Max:     rapid.IntRange(1, 12).Draw(rt, "max"),
				Memory:  rapid.Int64Range(0, 80).Draw(rt, "memory"),
			}
		})
		loads := rapid.SliceOfN(load, 1, 6).Draw(rt, "loads")
		left := func(l Load) int64 { return l.Memory - int64(l.Used+l.Waiting)*container }
		for {
			i, ok := choose(loads)
			for j, l := range loads {
				switch hasRoom := l.Used < l.Max; {
				case hasRoom && !ok:
					rt.Fatalf("no host is chosen of %+v", loads)
				case hasRoom && left(l) > left(loads[i]):
					rt.Fatalf("host %d is chosen of %+v, host %d has more left", i, loads, j)
				}
			}
			if !ok {
				return
			}
			if loads[i].Used >= loads[i].Max {
				rt.Fatalf("host %d is chosen of %+v, and is full", i, loads)
			}
			loads[i].Used++
			for j, l := range loads {
				if l.Used < l.Max && left(l)-left(loads[i]) > container {
					rt.Fatalf("after host %d of %+v host %d has more than a container's left", i, loads, j)
				}
			}
		}
	})
}
