package bench

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"wrpdistributor/internal/database"
)

const (
	warmOnes  = 2 // containers that wait, all on the first host
	warmSteps = 4 // of one round
)

// A warmLoad is a client that comes again and again where a container waits.
type warmLoad struct {
	*world
	put samples
}

// measureWarm measures sessions for which a container waits, where there are few
// others and where there are many.
func (b *bench) measureWarm(t *testing.T) {
	for _, dialect := range dialects() {
		few, many := b.newWarmLoad(t, dialect, 10), b.newWarmLoad(t, dialect, b.scaled(10000))
		floor := &samples{}
		nothing := startRole(t, roleNothing)
		err := b.repeatRounds(func(round int) error {
			for step := range warmSteps {
				if err := b.once(floor, nothing, http.MethodPut, "AmiFox", http.StatusNoContent); err != nil {
					return err
				}
				for _, l := range []*warmLoad{few, many} {
					if err := l.measure(fmt.Sprintf("AmiFox (warm %d %d)", round, step)); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		reportWarm(&b.report, dialect, few, many, *floor)
		few.end()
		many.end()
	}
}

func (b *bench) newWarmLoad(t *testing.T, dialect string, sessions int) *warmLoad {
	t.Helper()
	hosts := b.scaled(200)
	warm := fmt.Sprint("WARM_CONTAINERS=", warmOnes, strings.Repeat(",0", hosts-1))
	return &warmLoad{world: b.newWorld(t, plan{dialect: dialect, hosts: hosts, sessions: sessions, env: []string{warm}}).serve()}
}

// measure has one client get a waiting container, and ends its session.
func (l *warmLoad) measure(agent string) error {
	l.settled(warmOnes)
	if err := l.b.once(&l.put, l.addr, http.MethodPut, agent, http.StatusAccepted); err != nil {
		return fmt.Errorf("%w\n%s", err, tail(l.proc.Output()))
	}
	var settings string
	err := l.db.GetContext(l.b.ctx, &settings, `SELECT settings FROM sessions WHERE identity = ?`, database.Identity(clientAddr, agent))
	if err != nil || settings == "" {
		return fmt.Errorf("the container did not wait, %v", err)
	}
	return l.stop([]int{1}, func(int, int) string { return agent })
}

// once sends one request, on a connection that stands already.
func (b *bench) once(to *samples, addr, method, agent string, want int) error {
	v, err := newVisitor(b.ctx, addr)
	if err != nil {
		return err
	}
	defer v.close()
	begun := time.Now()
	code, body, err := v.do(request(method, authToken, agent))
	to.add(time.Since(begun))
	if err != nil || code != want {
		return fmt.Errorf("%s: %d %.200q, %v, want %d", method, code, body, err, want)
	}
	return nil
}

func reportWarm(r *report, dialect string, few, many *warmLoad, floor samples) {
	for _, l := range []*warmLoad{few, many} {
		r.row(fmt.Sprintf("warm PUT, %s, %s", dialect, count(l.sessions, "sessions")), "ms", l.put)
	}
	r.row("PUT, handler that does nothing, beside "+dialect, "ms", floor)
	r.atMost("warm PUT, "+dialect+", many sessions / 10", many.put.median()/few.put.median(), 1.3, "")
}

func warmLines(dialect string) []string {
	return []string{
		"warm PUT, " + dialect + ", 10 sessions", "PUT, handler that does nothing, beside " + dialect,
		"warm PUT, " + dialect + ", many sessions / 10",
	}
}
