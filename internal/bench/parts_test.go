package bench

import (
	"fmt"
	"slices"
	"testing"
)

// A part is what can be measured alone.
type part struct {
	name    string
	measure func(*testing.T)
	lines   []string // that its report has
}

// onlyScale stands for all parts that show what many sessions and hosts change.
const onlyScale = "scale"

// startParts and scaleParts are the parts that there are: of one container, and of
// many.
func (b *bench) startParts() []part {
	n := b.rounds
	return []part{
		{"put", b.measurePuts, []string{
			fmt.Sprint("raw: create + start ", n), fmt.Sprint("raw: until it answers ", n), fmt.Sprint("raw: create + start + answer ", n),
			fmt.Sprint("cold: PUT ", n), fmt.Sprint("cold: first page ", n), fmt.Sprint("warm: PUT ", n), fmt.Sprint("warm: first page ", n),
			"warm PUT / raw create + start", "cold PUT / raw create + start + answer", "slowest first page of a warm session / browser start",
		}},
		{"gateway", b.measureGateway, []string{
			fmt.Sprint("direct: request ", n*requests), fmt.Sprint("gateway: request ", n*requests),
			fmt.Sprint("direct: 50 clients ", n), fmt.Sprint("gateway: 50 clients ", n),
			fmt.Sprint("direct: 1 stream ", n), fmt.Sprint("gateway: 1 stream ", n),
			fmt.Sprint("direct: 50 streams ", n), fmt.Sprint("gateway: 50 streams ", n),
			"gateway adds to a request", "1 stream, gateway / direct", "50 streams, gateway / direct",
		}},
	}
}

func (b *bench) scaleParts() []part {
	return []part{
		{"claims", b.measureClaims, onEach(claimLines)},
		{"starts", b.measureStarts, onEach(startLines)},
		{"status", b.measureStatus, onEach(statusLines)},
		{"head", b.measureTouches, touchLines()},
		{"hosts", b.measureWide, onEach(b.wideLines)},
		{"memory", b.measureMemory, onEach(memoryLines)},
		{"cleanup", b.measureCleanup, onEach(cleanupLines)},
		{"warm", b.measureWarm, onEach(warmLines)},
		{"streams", b.measureStreams, streamLines()},
		{"statistics", b.measureStatistics, onEach(statisticsLines)},
		{"portal", b.measurePortal, onEach(portalLines)},
	}
}

// onEach returns the lines of a part that measures the same on both databases.
func onEach(lines func(dialect string) []string) (all []string) {
	for _, d := range dialects() {
		all = append(all, lines(d)...)
	}
	return all
}

// partNames are what can be asked for alone.
func partNames() []string {
	b := &bench{options: options{divide: 1}}
	names := []string{onlyScale}
	for _, p := range append(b.startParts(), b.scaleParts()...) {
		names = append(names, p.name)
	}
	return names
}

// wanted leaves the parts of a group that were asked for.
func (b *bench) wanted(group string, parts []part) []part {
	return slices.DeleteFunc(parts, func(p part) bool { return b.only != "" && b.only != group && b.only != p.name })
}
