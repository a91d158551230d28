package bench

import (
	"fmt"
	"net/http"
	"testing"
)

// measureStatus measures the status page where there are few sessions and where there
// are many.
func (b *bench) measureStatus(t *testing.T) {
	nothing := startRole(t, roleNothing)
	get := func(to *rates, addr string, code int) error {
		_, err := b.send(to, load{addr, 16, code, func(int, int) []byte { return request(http.MethodGet, authToken, "AmiFox") }})
		return err
	}
	for _, dialect := range dialects() {
		few := b.newWorld(t, plan{dialect: dialect, hosts: b.scaled(100), sessions: 3}).serve()
		many := b.newWorld(t, plan{dialect: dialect, hosts: b.scaled(100), sessions: b.scaled(5000)}).serve()
		var floor, small, large rates
		err := b.repeatRounds(func(int) error {
			if err := get(&floor, nothing, http.StatusNoContent); err != nil {
				return err
			}
			if err := get(&small, few.addr, http.StatusOK); err != nil {
				return err
			}
			return get(&large, many.addr, http.StatusOK)
		})
		if err != nil {
			t.Fatal(err)
		}
		floor.report(&b.report, "16 at once, handler that does nothing, beside "+dialect)
		small.report(&b.report, fmt.Sprintf("GET /, %s, %s", dialect, count(few.sessions, "sessions")))
		large.report(&b.report, fmt.Sprintf("GET /, %s, %s", dialect, count(many.sessions, "sessions")))
		b.report.atLeast("GET /, "+dialect+", many sessions / 3", large.rate.median()/small.rate.median(), 0.8, "")
		b.report.ratio("GET /, "+dialect+", 3 sessions / handler that does nothing", small.rate.median()/floor.rate.median())
		few.end()
		many.end()
	}
}

func statusLines(dialect string) []string {
	return []string{
		"16 at once, handler that does nothing, beside " + dialect, "GET /, " + dialect + ", 3 sessions",
		"GET /, " + dialect + ", many sessions / 3", "GET /, " + dialect + ", 3 sessions / handler that does nothing",
	}
}
