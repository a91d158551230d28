package gateway_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// TestGuessesShareOneQuestionASecond: a flood of guesses costs the database no
// more, and a right token is let in all the same.
func TestGuessesShareOneQuestionASecond(t *testing.T) {
	simulate(t, gateway.Config{}, echo, func(t *testing.T, s *simulation) {
		start := time.Now()
		answers := make(chan answer)
		for i := range 100 {
			go func() { answers <- s.get(t, "/", fmt.Sprintf("guess %d", i)) }()
		}
		count := make(map[int]int)
		for range 100 {
			a := <-answers
			count[a.StatusCode]++
			if a.StatusCode == http.StatusTooManyRequests && a.Header.Get("Retry-After") == "" {
				t.Error("429 without Retry-After")
			}
		}
		// One at once, one for those who came while it was under way, and so on.
		took := time.Since(start)
		if n := s.sessions.questions(); n < 1 || float64(n) > 1+took.Seconds() {
			t.Errorf("%d questions to the database in %v", n, took)
		}
		if count[401] != 60 || count[429] != 40 {
			t.Errorf("answers %v, want 60 times 401, then 429", count)
		}
		wants(t, "a right token", s.get(t, "/", s.token).StatusCode, 200)
		wants(t, "a missing token", s.get(t, "/", "").StatusCode, 429)
		wants(t, "a right token", s.get(t, "/", s.token).StatusCode, 200)
	})
}

// TestReplicasServeAndEndAlike: what one replica starts another serves at once, and
// what one stops the other stops serving.
func TestReplicasServeAndEndAlike(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		cfg := options{Config: gateway.Config{Interval: 100 * time.Millisecond}}
		one := newBench(t, db, cfg)
		two := openBench(t, &servicetest.Kit{Service: servicetest.Open(t, db, one.Config), Hosts: one.Hosts, Config: one.Config}, cfg)
		for range 2 {
			s := allocate(t, one.Kit, amiga)
			wants(t, "here", one.get(t, "/", s.Token), 200)
			wants(t, "there", two.get(t, "/", s.Token), 200)
			must(t, two.Sessions.Stop(t.Context(), amiga))
			wants(t, "there, stopped", two.get(t, "/", s.Token), 410)
			eventually(t, "here, stopped", func() bool { return one.get(t, "/", s.Token) == 410 })
			if a := ask(t, "GET", one.url+"/s/"+s.Token+"/", ""); a.StatusCode != 410 {
				t.Errorf("entrance after the stop: %d, want 410", a.StatusCode)
			}
		}
	})
}

// TestSessionStoppedElsewhereIsGoneAfterInterval: the first request after one finds
// out, even if nobody reloads.
func TestSessionStoppedElsewhereIsGoneAfterInterval(t *testing.T) {
	simulate(t, gateway.Config{Interval: interval}, echo, func(t *testing.T, s *simulation) {
		wants(t, "a page", s.get(t, "/", s.token).StatusCode, 200)
		s.sessions.remove(1)
		time.Sleep(interval)
		wants(t, "a page of a session that was stopped elsewhere", s.get(t, "/", s.token).StatusCode, 410)
		if n := s.sessions.questions(); n > 0 {
			t.Errorf("sessions were asked for %d times", n)
		}
	})
}

// TestKnownSessionsGoOnWithoutDatabase: all others wait for better times.
func TestKnownSessionsGoOnWithoutDatabase(t *testing.T) {
	simulate(t, gateway.Config{Interval: interval}, echo, func(t *testing.T, s *simulation) {
		run(t, s.gw)
		wants(t, "a page", s.get(t, "/", s.token).StatusCode, 200)
		s.sessions.setDown(true)
		for range 10 {
			wants(t, "a page without database", s.get(t, "/", s.token).StatusCode, 200)
			time.Sleep(interval / 2)
		}
		a := s.get(t, "/", unknown)
		if a.StatusCode != 503 || a.Header.Get("Retry-After") == "" {
			t.Errorf("an unknown token: %d %v, want 503 with Retry-After", a.StatusCode, a.Header)
		}
		wants(t, "no token", s.get(t, "/", "").StatusCode, 401)
	})
}

// TestDatabaseDown is the same with a real one, which closes.
func TestDatabaseDown(t *testing.T) {
	t.Parallel()
	b := newBench(t, databasetest.New(t), options{Config: gateway.Config{Interval: 50 * time.Millisecond}})
	s := allocate(t, b.Kit, amiga)
	wants(t, "a page", b.get(t, "/", s.Token), 200)
	must(t, b.DB.DB.Close())
	eventually(t, "a failed flush", func() bool {
		wants(t, "a page without database", b.get(t, "/", s.Token), 200)
		return b.log.count("level=WARN") > 0
	})
	a := ask(t, "GET", b.url+"/", "Bearer: "+unknown)
	if a.StatusCode != 503 || a.Header.Get("Retry-After") == "" {
		t.Errorf("an unknown token: %d %v, want 503 with Retry-After", a.StatusCode, a.Header)
	}
}

// TestLateNewsDoNotBringASessionBack: what is told of a session after its end.
func TestLateNewsDoNotBringASessionBack(t *testing.T) {
	simulate(t, gateway.Config{}, echo, func(t *testing.T, s *simulation) {
		first := session.Session{ID: 1, Token: s.token, Gateway: true}
		s.gw.Stopping(t.Context(), first.ID)
		s.gw.Started(&first)
		wants(t, "a session that was stopped", s.get(t, "/", s.token).StatusCode, 410)
		next := session.Session{ID: 2, Token: unknown, Gateway: true}
		s.gw.Stopping(t.Context(), next.ID)
		s.gw.Started(&next)
		wants(t, "a session that was stopped before it was started", s.get(t, "/", next.Token).StatusCode, 410)
		direct := session.Session{ID: 77, Token: "direct"}
		s.gw.Started(&direct)
		wants(t, "a session that is not for a gateway", s.get(t, "/", direct.Token).StatusCode, 401)
	})
}
