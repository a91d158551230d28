package session_test

import (
	"fmt"
	"strings"
	"testing"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// fill inserts n sessions that run on ten other hosts.
func fill(t *testing.T, db *database.DB, n int) {
	t.Helper()
	for from := 0; from < n; from += 500 {
		var values []string
		var args []any
		for i := from; i < min(n, from+500); i++ {
			values = append(values, `('198.51.100.1', 'x', ?, ?, ?, ?, ?, ?, 'n', 'running', `+db.Now()+`)`)
			args = append(args, database.Identity("198.51.100.1", fmt.Sprint(i)), fmt.Sprint("other", i%10), i/10, 9000+i/10, fmt.Sprint("token", i), fmt.Sprint("container", i))
		}
		_, err := db.Exec(`INSERT INTO sessions (clientIp, clientUserAgent, identity, containerHost, slot, port, token, wrpContainerId, nonce, state, started)
			VALUES `+strings.Join(values, ", "), args...)
		must(t, err)
	}
	if db.DriverName() == "mysql" {
		_, err := db.Exec(`ANALYZE TABLE sessions`)
		must(t, err)
	}
}

// requests are what clients and gateways do, by what it is called.
func requests(t *testing.T, k *servicetest.Kit) []request {
	client := func(i int) session.Client { return session.Client{IP: fmt.Sprint("192.0.2.", i), UserAgent: "x"} }
	put := func(i int) func() {
		return func() {
			_, _, err := k.Sessions.Allocate(t.Context(), client(i), false)
			must(t, err)
		}
	}
	running := func(act func(s *session.Session) error) func() {
		return func() {
			s, err := k.Store.ByIdentity(t.Context(), database.Identity(client(1).IP, client(1).UserAgent))
			must(t, err)
			must(t, act(s))
		}
	}
	return []request{
		{"PUT", put(1)},
		{"PUT of a session that runs", put(1)},
		{"HEAD", func() { must(t, k.Sessions.Touch(t.Context(), client(1))) }},
		{"use through the gateway", running(func(s *session.Session) error {
			_, err := k.Sessions.TouchByID(t.Context(), s.ID)
			return err
		})},
		{"a gateway's look at the container", running(func(s *session.Session) error { return k.Sessions.ConfirmRuns(t.Context(), s) })},
		{"tokens that a gateway does not know", func() {
			_, err := k.Store.GatewaySessionsOf(t.Context(), []string{"token1", "token2", "token3", "token4", "token5"})
			must(t, err)
		}},
		{"GET", func() {
			_, err := k.Sessions.Counts(t.Context())
			must(t, err)
		}},
		{"DELETE", func() { must(t, k.Sessions.Stop(t.Context(), client(1))) }},
	}
}

// requestsOfAccounts are what the clients of one do, and who closes it.
func requestsOfAccounts(t *testing.T, k *servicetest.Kit) []request {
	return []request{
		{"start for an account", func() { mustAllocate(t, k, anna(""), true) }},
		{"a second start", func() { mustAllocate(t, k, anna("second"), true) }},
		{"one too many", func() { wantTooMany(t, k.Sessions, anna("third"), "anna") }},
		{"an account's sessions", func() {
			_, err := k.Sessions.OfAccount(t.Context(), "anna")
			must(t, err)
		}},
		{"a closed account", func() {
			_, err := k.Sessions.StopAccount(t.Context(), "anna")
			must(t, err)
		}},
	}
}

type request struct {
	name string
	send func()
}

// TestNoRequestReadsAllSessions looks at the plan of each statement that requests make,
// with thousands of sessions.
func TestNoRequestReadsAllSessions(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		r := databasetest.Record(t, db)
		k := newKit(t, db, servicetest.Options{Hosts: 2, Max: 2, Strategy: hosts.Equal})
		fill(t, db, 4000)
		must(t, k.Store.Recount(t.Context()))
		mustAllocate(t, k, amiga, true) // the first of a process counts all rows
		must(t, k.Sessions.Stop(t.Context(), amiga))
		r.Take()
		for _, req := range append(requests(t, k), requestsOfAccounts(t, k)...) {
			req.send()
			checkPlans(t, db, req.name, r.Take())
		}
		for _, host := range []string{"host0", "host1"} {
			_, err := k.Sessions.StartWarm(t.Context(), host, false, 1)
			must(t, err)
			checkPlans(t, db, "warming up", r.Take())
		}
		mustAllocate(t, k, anna(""), true)
		checkPlans(t, db, "PUT that takes what waits", r.Take())
		exec(t, k, `UPDATE sessions SET settings = '' WHERE state = 'warm'`)
		mustAllocate(t, k, atari, true)
		mustAllocate(t, k, st, true)
		checkPlans(t, db, "PUT beside what does not fit", r.Take())
		mustAllocate(t, k, session.Client{IP: "192.0.2.3", UserAgent: "x"}, true)
		checkPlans(t, db, "PUT that evicts", r.Take())
		_, _, err := k.Sessions.Allocate(t.Context(), session.Client{IP: "192.0.2.4", UserAgent: "x"}, false)
		if !isFull(err, "full 2/2") {
			t.Errorf("Allocate = %v, want full", err)
		}
		checkPlans(t, db, "PUT that finds no room", r.Take())
	})
}

// checkPlans explains the statements that read or change sessions.
func checkPlans(t *testing.T, db *database.DB, what string, list []databasetest.Statement) {
	t.Helper()
	checked := 0
	for _, s := range list {
		query := strings.Join(strings.Fields(s.Query), " ")
		switch {
		case !strings.Contains(query, "sessions") || strings.HasPrefix(query, "INSERT") || strings.HasPrefix(query, "EXPLAIN"):
			continue
		case strings.Contains(query, "GROUP BY state, containerHost"), strings.HasSuffix(query, "FROM sessions GROUP BY containerHost"):
			continue // once a second at most: for GET, and before a claim is refused
		}
		checked++
		if db.DriverName() == "mysql" {
			checkMySQLPlan(t, db, what, query, s.Args)
		} else {
			checkSQLitePlan(t, db, what, query, s.Args)
		}
	}
	if checked == 0 && what != "GET" {
		t.Errorf("%s: no statement was seen", what)
	}
}

func checkSQLitePlan(t *testing.T, db *database.DB, what, query string, args []any) {
	t.Helper()
	var steps []struct {
		ID, Parent, Notused int
		Detail              string
	}
	must(t, db.Select(&steps, `EXPLAIN QUERY PLAN `+query, args...))
	for _, s := range steps {
		if strings.HasPrefix(s.Detail, "SCAN sessions") {
			t.Errorf("%s reads all sessions: %s\n%s", what, s.Detail, query)
		}
	}
}

func checkMySQLPlan(t *testing.T, db *database.DB, what, query string, args []any) {
	t.Helper()
	rows, err := db.Queryx(`EXPLAIN `+query, args...)
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		step := make(map[string]any)
		must(t, rows.MapScan(step))
		text := func(column string) string { return fmt.Sprintf("%s", step[column]) }
		if text("table") == "sessions" && (text("type") == "ALL" || text("type") == "index") {
			t.Errorf("%s reads all sessions: type %s, key %s, rows %s\n%s", what, text("type"), text("key"), text("rows"), query)
		}
	}
	must(t, rows.Err())
}

// TestRequestsCostTheSameWithManySessions counts the statements of each request, and on MySQL
// the rows that its engine handed out for them (Handler_read_*), with few sessions and
// with many. On SQLite, which does not count rows, the plans have to do: they search.
func TestRequestsCostTheSameWithManySessions(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		few := costs(t, db, 100)
		exec := func(query string) {
			_, err := db.Exec(query)
			must(t, err)
		}
		exec(`DELETE FROM sessions`)
		exec(`DELETE FROM counters`)
		many := costs(t, db, 10_000)
		if few != many {
			t.Errorf("costs of requests with\n   100 sessions: %s\n10,000 sessions: %s", few, many)
		}
	})
}

// costs returns what each request costs beside n other sessions.
func costs(t *testing.T, db *database.DB, n int) string {
	t.Helper()
	r := databasetest.Record(t, db)
	db.SetMaxOpenConns(1) // the counts are those of one connection
	k := newKit(t, db, servicetest.Options{Hosts: 2, Max: 2})
	k.Sessions.SetWaitingAge(0) // each PUT looks, however fast it is
	fill(t, db, n)
	must(t, k.Store.Recount(t.Context()))
	mustAllocate(t, k, amiga, true)
	must(t, k.Sessions.Stop(t.Context(), amiga))
	var list []string
	for _, req := range requests(t, k) {
		before := rowsRead(t, db)
		r.Take()
		req.send()
		statements := len(r.Take())
		read := rowsRead(t, db) - before
		if req.name == "GET" {
			read = 0 // it counts all, once a second
		}
		list = append(list, fmt.Sprintf("%s: %d statements, %d rows", req.name, statements, read))
	}
	return strings.Join(list, "; ")
}

func rowsRead(t *testing.T, db *database.DB) (sum int) {
	t.Helper()
	if db.DriverName() != "mysql" {
		return 0
	}
	var list []struct {
		Name  string `db:"Variable_name"`
		Value int    `db:"Value"`
	}
	must(t, db.Select(&list, `SHOW SESSION STATUS LIKE 'Handler_read%'`))
	for _, v := range list {
		sum += v.Value
	}
	return sum
}
