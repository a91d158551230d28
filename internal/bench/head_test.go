package bench

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"wrpdistributor/internal/database"
)

// connections are how many clients say at once that they use their sessions.
func connections() []int { return []int{1, 16, 256} }

// A touchLoad is clients that touch their sessions, each another one.
type touchLoad struct {
	*world
	touch map[int]*rates // by the number of connections
	bare  map[int]*rates
}

// measureTouches measures HEAD, a handler that does nothing, and the statement that
// touches a session.
func (b *bench) measureTouches(t *testing.T) {
	nothing, floor := startRole(t, roleNothing), perConnection()
	var loads []*touchLoad
	for _, dialect := range dialects() {
		w := b.newWorld(t, plan{dialect: dialect, hosts: b.scaled(100), sessions: max(b.scaled(10000), 256)}).serve()
		loads = append(loads, &touchLoad{w, perConnection(), perConnection()})
	}
	err := b.repeatRounds(func(int) error {
		for _, n := range connections() {
			_, err := b.send(floor[n], load{nothing, n, http.StatusNoContent, func(int, int) []byte { return request(http.MethodHead, authToken, "AmiFox") }})
			if err != nil {
				return err
			}
			for _, l := range loads {
				if err := l.measure(n); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	reportTouches(&b.report, floor, loads)
}

func perConnection() map[int]*rates {
	m := make(map[int]*rates)
	for _, n := range connections() {
		m[n] = new(rates)
	}
	return m
}

// whose says which session a client of n touches next: in the end each of its share.
func (l *touchLoad) whose(n, who, i int) string {
	return l.crowd.agent((who + i*n) % (l.sessions / n * n))
}

func (l *touchLoad) measure(n int) error {
	_, err := l.b.send(l.touch[n], load{l.addr, n, http.StatusNoContent, func(who, i int) []byte {
		return request(http.MethodHead, authToken, l.whose(n, who, i))
	}})
	if err != nil || n > 16 {
		return err // the service has no more connections to a database than that either
	}
	_, err = l.b.repeat(l.bare[n], n, func(ctx context.Context, who, i int) error { return l.touchBare(ctx, l.whose(n, who, i), i) })
	return err
}

// touchBare is the statement without the service. It has to find the session, and to
// change it: a database writes nothing for a touch in the same second as the last.
func (l *touchLoad) touchBare(ctx context.Context, agent string, i int) error {
	used := time.Now().UTC().Truncate(time.Second).Add(time.Duration(i) * time.Second)
	res, err := l.db.ExecContext(ctx, `UPDATE sessions SET lastUsed = ? WHERE identity = ? AND state = 'running'`, used, database.Identity(clientAddr, agent))
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return fmt.Errorf("%d sessions of %s touched, %v", n, agent, err)
	}
	return nil
}

func reportTouches(r *report, floor map[int]*rates, loads []*touchLoad) {
	for _, n := range connections() {
		floor[n].report(r, count(n, "connections")+", handler that does nothing")
		for _, l := range loads {
			l.touch[n].report(r, count(n, "connections")+", HEAD, "+l.dialect)
			if n <= 16 {
				l.bare[n].report(r, count(n, "at once")+", bare UPDATE, "+l.dialect)
			}
		}
	}
	for _, l := range loads {
		most := l.touch[256]
		r.atLeast("HEAD, "+l.dialect+", 256 connections", most.rate.median(), 10000, "/s")
		r.atMost("HEAD, "+l.dialect+", 256 connections, p99", most.p99.median(), 50, "ms")
		r.atLeast("HEAD, "+l.dialect+", 256 connections / handler that does nothing", most.rate.median()/floor[256].rate.median(), 0.3, "")
		r.ratio("HEAD, "+l.dialect+", 1 connection / bare UPDATE", l.touch[1].rate.median()/l.bare[1].rate.median())
		r.ratio("clients with a HEAD a minute that touches allow, "+l.dialect, most.rate.median()*60)
	}
}

func touchLines() (lines []string) {
	for _, n := range connections() {
		lines = append(lines, count(n, "connections")+", handler that does nothing")
	}
	for _, d := range dialects() {
		lines = append(lines, "16 connections, HEAD, "+d, "16 at once, bare UPDATE, "+d,
			"HEAD, "+d+", 256 connections", "HEAD, "+d+", 256 connections, p99", "HEAD, "+d+", 256 connections / handler that does nothing",
			"HEAD, "+d+", 1 connection / bare UPDATE", "clients with a HEAD a minute that touches allow, "+d)
	}
	return lines
}
