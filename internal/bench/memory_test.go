package bench

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
)

const (
	visitorsAtOnce = 16
	usedMost       = 2000 // sessions that are used: a process may not have files without end
)

// A memoryUse is what a distributor with a gateway holds.
type memoryUse struct {
	*world
	known, used, peak samples // MB: once all sessions are known; once many were used; the most of all
}

// measureMemory measures what sessions cost a distributor with a gateway, in memory.
func (b *bench) measureMemory(t *testing.T) {
	for _, dialect := range dialects() {
		var uses []*memoryUse
		for _, n := range []int{10, b.scaled(10000)} {
			uses = append(uses, &memoryUse{world: b.newWorld(t, plan{dialect: dialect, hosts: b.scaled(200), sessions: n, gateway: true})})
		}
		err := b.repeatRounds(func(int) error {
			for _, u := range uses {
				if err := u.measure(); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		reportMemory(&b.report, uses)
	}
}

// measure starts a distributor, which then has done nothing else, and ends it.
func (u *memoryUse) measure() error {
	u.serve()
	defer u.end()
	// The last one is known: all are.
	if err := u.visit(u.sessions-1, u.sessions, 1); err != nil {
		return err
	}
	if err := u.add(&u.known, "VmRSS"); err != nil {
		return err
	}
	g, _ := errgroup.WithContext(u.b.ctx)
	for first := range visitorsAtOnce {
		g.Go(func() error { return u.visit(first, u.usedOnce(), visitorsAtOnce) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := u.add(&u.used, "VmRSS"); err != nil {
		return err
	}
	return u.add(&u.peak, "VmHWM")
}

func (u *memoryUse) usedOnce() int { return min(u.sessions, usedMost) }

// visit asks for a page of every so many-th session through the gateway.
func (u *memoryUse) visit(first, end, step int) error {
	v, err := newVisitor(u.b.ctx, u.through)
	if err != nil {
		return err
	}
	defer v.close()
	for i := first; i < end; i += step {
		if code, body, err := v.do(request(http.MethodGet, u.crowd.token(i), "AmiFox")); err != nil || code != http.StatusOK {
			return fmt.Errorf("through the gateway: %d %.200q, %w\n%s", code, body, err, tail(u.proc.Output()))
		}
	}
	return nil
}

func (u *memoryUse) add(to *samples, what string) error {
	n, err := memoryOf(u.proc.PID(), what)
	*to = append(*to, n)
	return err
}

// memoryOf returns a line of the kernel's account of a process, in MB.
func memoryOf(pid int, what string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, what+":"); ok {
			kB, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 64)
			return kB * 1024 / megabyte, err
		}
	}
	return 0, fmt.Errorf("process %d has no %s", pid, what)
}

func reportMemory(r *report, uses []*memoryUse) {
	for _, u := range uses {
		name := fmt.Sprintf("memory, %s, %s", u.dialect, count(u.sessions, "sessions"))
		r.row(name, "MB", u.known)
		r.row(name+", "+count(u.usedOnce(), "of them used"), "MB", u.used)
		r.row(name+", peak", "MB", u.peak)
	}
	few, many := uses[0], uses[1]
	r.atMost("memory, "+few.dialect+", many sessions", many.known.median(), 80, "MB")
	r.ratio("memory, "+few.dialect+", kB for each session more", (many.known.median()-few.known.median())*1000/float64(max(1, many.sessions-few.sessions)))
}

func memoryLines(dialect string) []string {
	return []string{
		"memory, " + dialect + ", 10 sessions", "memory, " + dialect + ", 10 sessions, 10 of them used", "memory, " + dialect + ", 10 sessions, peak",
		"memory, " + dialect + ", many sessions", "memory, " + dialect + ", kB for each session more",
	}
}
