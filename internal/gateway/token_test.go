package gateway_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// TestDecision36Guesses: a flood of guesses costs the database one question a
// second, and a right token is let in all the same.
func TestDecision36Guesses(t *testing.T) {
	b := newBench(t, databasetest.New(t), options{idle: true})
	s := allocate(t, b.Kit, amiga)
	start := time.Now()
	var wg sync.WaitGroup
	statuses := make(chan int, 200)
	for i := range cap(statuses) {
		wg.Go(func() {
			a, err := try(t, "GET", b.url+"/", fmt.Sprintf("Bearer: guess %d", i))
			if err != nil {
				t.Error(err)
				return
			}
			statuses <- a.StatusCode
			if a.StatusCode == http.StatusTooManyRequests && a.Header.Get("Retry-After") == "" {
				t.Error("429 without Retry-After")
			}
		})
	}
	wg.Wait()
	close(statuses)
	count := make(map[int]int)
	for code := range statuses {
		count[code]++
	}
	// One at once, one for those who came while it was under way, and so on.
	took := time.Since(start)
	if n := b.gw.Reloads(); n < 1 || float64(n) > 1+took.Seconds() {
		t.Errorf("%d questions to the database in %v", n, took)
	}
	if count[401] != 60 || count[429] != 140 {
		t.Errorf("answers %v, want 60 times 401, then 429", count)
	}
	wants(t, "a right token", b.get(t, "/", s.Token), 200)
	wants(t, "a missing token", ask(t, "GET", b.url+"/", "").StatusCode, 429)
	wants(t, "a right token", b.get(t, "/", s.Token), 200)
}

// TestDecision36Replicas: what one replica starts another serves at once, and
// what one ends the other stops serving.
func TestDecision36Replicas(t *testing.T) {
	t.Parallel() // it mostly waits
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		one := newBench(t, db, options{Config: gateway.Config{Interval: time.Second}})
		two := openBench(t, &servicetest.Kit{Service: servicetest.Open(t, db, one.Config), Hosts: one.Hosts, Config: one.Config},
			options{Config: gateway.Config{Interval: time.Second}})
		for range 3 {
			s := allocate(t, one.Kit, amiga)
			wants(t, "here", one.get(t, "/", s.Token), 200)
			wants(t, "there", two.get(t, "/", s.Token), 200)
			must(t, two.Sessions.Stop(t.Context(), amiga))
			wants(t, "there, ended", two.get(t, "/", s.Token), 410)
			eventually(t, "here, ended", func() bool { return one.get(t, "/", s.Token) == 410 })
			if a := ask(t, "GET", one.url+"/s/"+s.Token+"/", ""); a.StatusCode != 410 {
				t.Errorf("entrance after the end: %d, want 410", a.StatusCode)
			}
		}
	})
}

// TestEndedElsewhere: the first request after an interval finds out, even if
// nobody refreshes.
func TestEndedElsewhere(t *testing.T) {
	b := newBench(t, databasetest.New(t), options{idle: true, Config: gateway.Config{Interval: 300 * time.Millisecond}})
	other := servicetest.Open(t, b.DB, b.Config)
	s := allocate(t, b.Kit, amiga)
	wants(t, "a page", b.get(t, "/favicon.ico", s.Token), 404)
	must(t, other.Sessions.Stop(t.Context(), amiga))
	pause(300 * time.Millisecond)
	wants(t, "a page of a session that ended elsewhere", b.get(t, "/favicon.ico", s.Token), 410)
}

// TestDatabaseDown: those who are known go on, all others wait for better times.
func TestDatabaseDown(t *testing.T) {
	b := newBench(t, databasetest.New(t), options{Config: gateway.Config{Interval: 200 * time.Millisecond}})
	s := allocate(t, b.Kit, amiga)
	wants(t, "a page", b.get(t, "/", s.Token), 200)
	must(t, b.DB.DB.Close())
	for range 5 {
		wants(t, "a page without database", b.get(t, "/", s.Token), 200)
		pause(100 * time.Millisecond)
	}
	a := ask(t, "GET", b.url+"/", "Bearer: "+unknown)
	if a.StatusCode != 503 || a.Header.Get("Retry-After") == "" {
		t.Errorf("an unknown token: %d %v, want 503 with Retry-After", a.StatusCode, a.Header)
	}
	wants(t, "no token", ask(t, "GET", b.url+"/", "").StatusCode, 401)
}

// TestNewsThatAreLate: what is told of a session after its end does not bring it
// back.
func TestNewsThatAreLate(t *testing.T) {
	b := newBench(t, databasetest.New(t), options{})
	s := allocate(t, b.Kit, amiga)
	b.gw.Stopping(t.Context(), s.ID)
	b.gw.Started(s)
	wants(t, "a session that was shut", b.get(t, "/", s.Token), 410)
	next := *s
	next.ID, next.Token = s.ID+1, unknown
	b.gw.Stopping(t.Context(), next.ID)
	b.gw.Started(&next)
	wants(t, "a session that was shut before it was opened", b.get(t, "/", next.Token), 410)
	direct := session.Session{ID: 77, Token: "direct", Host: s.Host, Port: s.Port}
	b.gw.Started(&direct)
	wants(t, "a session that is not for a gateway", b.get(t, "/", direct.Token), 401)
}
