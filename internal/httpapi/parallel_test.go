package httpapi_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sync"
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/service/servicetest"
)

// put sends n PUTs at once and returns the statuses, the addresses handed out,
// and how many refusals say when to try again.
func (b *bench) put(t *testing.T, n int, agent func(i int) string) (statuses map[int]int, addresses map[string]int, retries int) {
	t.Helper()
	statuses, addresses = make(map[int]int), make(map[string]int)
	wrpURL := regexp.MustCompile(`<wrpUrl>([^<]+)</wrpUrl>`)
	var wg sync.WaitGroup
	var mu sync.Mutex
	for i := range n {
		wg.Go(func() {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, b.url, http.NoBody)
			if err != nil {
				t.Error(err)
				return
			}
			req.Header = http.Header{"Bearer": {token}, "User-Agent": {agent(i)}}
			resp, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			statuses[resp.StatusCode]++
			if m := wrpURL.FindSubmatch(body); m != nil {
				addresses[string(m[1])]++
			}
			if resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") != "" {
				retries++
			}
		})
	}
	wg.Wait()
	return statuses, addresses, retries
}

// TestParallelClientsFillEverySlotOnce: those for whom there is none are told when to
// try again, and get none then either. On a machine that is very busy some are refused
// since the database was late; they try again.
func TestParallelClientsFillEverySlotOnce(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		b := newBench(t, db, servicetest.Options{Hosts: 2, Max: 16, Strategy: hosts.Equal, ConnectTimeout: time.Minute, StartTimeout: time.Hour})
		client := func(i int) string { return fmt.Sprintf("client %d", i) }
		served, all := 0, make(map[string]int)
		for round := 0; round < 20 && served < 32; round++ {
			statuses, addresses, retries := b.put(t, 64, client)
			if n := statuses[202] + statuses[204]; n+statuses[503] != 64 || retries != statuses[503] {
				t.Errorf("statuses %v, %d with Retry-After", statuses, retries)
			}
			served += statuses[202]
			maps.Copy(all, addresses)
		}
		if served != 32 || len(all) != 32 || b.Running() != 32 {
			t.Errorf("64 clients, 32 slots: %d sessions, %d addresses, %d containers; want 32 of each", served, len(all), b.Running())
		}
		if statuses, _, _ := b.put(t, 64, client); statuses[202] != 0 || statuses[503] < 32 {
			t.Errorf("on a full pool: statuses %v, want no new session", statuses)
		}
	})
}

// TestParallelRequestsOfOneClientGetOneSession: the first starts it, the others are
// told of it.
func TestParallelRequestsOfOneClientGetOneSession(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		b := newBench(t, db, servicetest.Options{Hosts: 2, Max: 16, Strategy: hosts.Equal, ConnectTimeout: time.Minute, StartTimeout: time.Hour})
		statuses, _, _ := b.put(t, 32, func(int) string { return "one client" })
		if statuses[202] != 1 || statuses[204] != 31 || b.Running() != 1 {
			t.Errorf("32 requests of one client: statuses %v, %d containers; want one 202, the rest 204, one container", statuses, b.Running())
		}
	})
}

// TestRequestOfWhoLeftIsCarriedOut: a request that was read counts, though its client
// reset the connection meanwhile.
func TestRequestOfWhoLeftIsCarriedOut(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		b := newBench(t, db, servicetest.Options{})
		b.do(t, call{method: "PUT", code: 202, answer: started})
		left, leave := context.WithCancel(t.Context())
		leave()
		for _, method := range []string{"PUT", "HEAD"} {
			if _, err := db.ExecContext(t.Context(), `UPDATE sessions SET lastUsed = NULL`); err != nil {
				t.Fatal(err)
			}
			req := httptest.NewRequestWithContext(left, method, "/", http.NoBody)
			req.RemoteAddr = "127.0.0.1:4711"
			req.Header = http.Header{"Bearer": {token}, "User-Agent": {"AmiFox"}}
			b.api.ServeHTTP(httptest.NewRecorder(), req)
			var used int
			if err := db.GetContext(t.Context(), &used, `SELECT COUNT(lastUsed) FROM sessions`); err != nil || used != 1 {
				t.Errorf("%s: %d sessions are used, %v; want 1", method, used, err)
			}
		}
	})
}
