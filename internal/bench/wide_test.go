package bench

import (
	"fmt"
	"testing"
	"time"
)

// measureWide measures a pool of many hosts: how long until all are up, what they cost
// in memory, and sessions that begin there.
func (b *bench) measureWide(t *testing.T) {
	for _, dialect := range dialects() {
		hosts := b.scaled(manyHosts)
		s := &startLoad{world: b.newWorld(t, plan{dialect: dialect, hosts: hosts, perHost: 20, sessions: hosts})}
		begun := time.Now()
		s.serve()
		var up, memory samples
		up.add(time.Since(begun))
		floor := connectMany(t, s.world)
		var raw rates
		err := b.repeatRounds(func(round int) error {
			if err := s.measure(round); err != nil {
				return err
			}
			return b.measureRaw(floor, &raw)
		})
		if err != nil {
			t.Fatal(err)
		}
		now, err := memoryOf(s.proc.PID(), "VmRSS")
		if err != nil {
			t.Fatal(err)
		}
		memory = append(memory, now)
		name := fmt.Sprintf("%s, %s", dialect, count(hosts, "hosts"))
		b.report.row("until all are up, "+name, "ms", up)
		b.report.row("memory, "+name, "MB", memory)
		s.cold.report(&b.report, "PUT, "+name)
		b.report.row("raw: create + start + answer, beside "+name+", p50", "ms", raw.p50)
		b.report.ratio("PUT p50, many hosts, "+dialect+" / raw create + start + answer", s.cold.p50.median()/raw.p50.median())
		s.end()
	}
}

func (b *bench) wideLines(dialect string) []string {
	name := fmt.Sprintf("%s, %s", dialect, count(b.scaled(manyHosts), "hosts"))
	return []string{"until all are up, " + name, "memory, " + name, "PUT, " + name, "PUT p50, many hosts, " + dialect + " / raw create + start + answer"}
}
