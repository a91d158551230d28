package hostguard

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
)

// A makingEngine has the containers that it was asked for, each a moment after that.
type makingEngine struct {
	asked chan struct{} // for a container
	hold  chan struct{} // until it is closed none is made; nil: each in its time

	mu         sync.Mutex
	containers map[string]listed
}

// startMaking starts one with n containers of ours, and returns its socket.
func startMaking(t *testing.T, n int) (e *makingEngine, socket string) {
	t.Helper()
	e = &makingEngine{asked: make(chan struct{}, 1000), containers: make(map[string]listed)}
	for i := range n {
		e.add(fmt.Sprintf("wrp_before%d", i), testDatabase)
	}
	return e, serveEngine(t, e)
}

func (e *makingEngine) add(name, database string) (added bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, taken := e.containers[name]; taken {
		return false
	}
	e.containers[name] = listed{Names: []string{"/" + name}, Labels: map[string]string{labelDatabase: database}}
	return true
}

// has returns how many there are.
func (e *makingEngine) has() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.containers)
}

// ServeHTTP implements [http.Handler].
func (e *makingEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.Method == http.MethodGet {
		e.mu.Lock()
		defer e.mu.Unlock()
		list := []listed{}
		for _, c := range e.containers {
			list = append(list, c)
		}
		_ = json.NewEncoder(w).Encode(list) // whoever has gone does not read it
		return
	}
	var c listed
	_ = json.NewDecoder(r.Body).Decode(&c) // the guard's
	e.asked <- struct{}{}
	if e.hold == nil {
		time.Sleep(20 * time.Millisecond)
	} else {
		<-e.hold
	}
	if !e.add(r.URL.Query().Get("name"), c.Labels[labelDatabase]) {
		w.WriteHeader(http.StatusConflict)
		_, _ = io.WriteString(w, `{"message":"Conflict. The container name is already in use"}`) // as above
		return
	}
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, `{"Id":%q}`, madeID)
}

// most is what the settings of tests have room for: eleven ports, and some more.
const most = 11 + beyondPorts

// newCrowd is a guard before an engine with n containers of ours.
func newCrowd(t *testing.T, n int) (e *makingEngine, cfg Config, socket string) {
	t.Helper()
	e, engine := startMaking(t, n)
	cfg = testConfig(t)
	cfg.Docker, cfg.DatabaseID = engine, testDatabase
	return e, cfg, serveGuard(t, cfg)
}

func createNamed(name string) string {
	return post("/v1.41/containers/create?name=wrp_"+name, goodCreate)
}

// createMany has n created at once, each by what create returns, and counts the answers.
func createMany(n int, create func(i int) answered) map[int]int {
	answers := make([]answered, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { answers[i] = create(i) })
	}
	all.Wait()
	counts := make(map[int]int)
	for _, a := range answers {
		counts[a.status]++
	}
	return counts
}

// TestContainersHaveAnEnd: of a hundred that are asked for at once as many are made as the
// host has room for, none more and none less, and what is refused says what to do.
func TestContainersHaveAnEnd(t *testing.T) {
	const before = 3
	e, _, guard := newCrowd(t, before)
	const room = most - before
	counts := createMany(100, func(i int) answered { return exchange(t, guard, createNamed(fmt.Sprint(i))) })
	if counts[http.StatusCreated] != room || counts[http.StatusForbidden] != 100-room || e.has() != most {
		t.Errorf("answers are %v, and there are %d containers; want %d made, the others refused", counts, e.has(), room)
	}
	a := exchange(t, guard, createNamed("one_more"))
	for _, want := range []string{"there are 43 containers already, 32 more than PORTS in /etc/wrp-hostguard.conf", "cleanup removes", "docker ps -a --filter label="} {
		if a.status != http.StatusForbidden || !strings.Contains(a.body, want) {
			t.Errorf("one more is answered %d %s, want %q", a.status, a.body, want)
		}
	}
}

// TestFullHostKnowsWhatItHas: an answer that was lost is found on a full host, too; what is
// removed makes room; other databases' containers take none.
func TestFullHostKnowsWhatItHas(t *testing.T) {
	e, _, guard := newCrowd(t, most-1)
	e.add("wrp_other", otherDatabase)
	if a := exchange(t, guard, createNamed("last")); a.status != http.StatusCreated {
		t.Fatalf("the last of %d is answered %d %s", most, a.status, a.body)
	}
	if a := exchange(t, guard, createNamed("last")); a.status != http.StatusConflict {
		t.Errorf("the same once more is answered %d %s, want 409", a.status, a.body)
	}
	if a := exchange(t, guard, createNamed("more")); a.status != http.StatusForbidden {
		t.Errorf("one more is answered %d %s", a.status, a.body)
	}
	e.mu.Lock()
	delete(e.containers, "wrp_last")
	e.mu.Unlock()
	if a := exchange(t, guard, createNamed("more")); a.status != http.StatusCreated {
		t.Errorf("after a removal one is answered %d %s", a.status, a.body)
	}
}

// TestWhoLeavesHasAskedAllTheSame: an engine makes what it was asked for, also if the client
// has gone, and until it has, that counts.
func TestWhoLeavesHasAskedAllTheSame(t *testing.T) {
	e, _, guard := newCrowd(t, 0)
	e.hold = make(chan struct{})
	for i := range most {
		nc, err := net.Dial("unix", guard)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(nc, createNamed(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
		<-e.asked
		nc.Close()
	}
	refused := make(chan answered, 1)
	go func() { refused <- exchange(t, guard, createNamed("more")) }()
	select {
	case <-e.asked:
		t.Errorf("the engine is asked for more than %d", most)
	case a := <-refused:
		if a.status != http.StatusForbidden {
			t.Errorf("one more is answered %d %s", a.status, a.body)
		}
	}
	close(e.hold)
}

// TestGuardsBesideEachOther: those that serve a connection each count together.
func TestGuardsBesideEachOther(t *testing.T) {
	e, cfg, socket := newCrowd(t, most-5)
	create := func(i int) answered {
		raw := createNamed(fmt.Sprint(i))
		if i%2 == 0 {
			return exchange(t, socket, raw)
		}
		return exchangeAlone(t, cfg, raw)
	}
	counts := createMany(60, create)
	if counts[http.StatusCreated] != 5 || e.has() != most {
		t.Errorf("answers are %v, and there are %d containers; want 5 made, %d in all", counts, e.has(), most)
	}
}

// exchangeAlone has a guard of its own answer one request over a pipe.
func exchangeAlone(t *testing.T, cfg Config, raw string) answered {
	t.Helper()
	guard, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Error(err)
		return answered{}
	}
	near, far := net.Pipe()
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = guard.ServeConn(context.Background(), far, far) // the client ends it
	}()
	defer func() { near.Close(); <-served }()
	return exchangeOver(t, near, raw)
}

// TestGuardStaysForWhatItAskedFor: one that serves a connection ends, and gives others their
// turn, when the engine has answered, also if its client has gone before.
func TestGuardStaysForWhatItAskedFor(t *testing.T) {
	e, cfg, socket := newCrowd(t, most-1)
	e.hold = make(chan struct{})
	guard, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	near, far := net.Pipe()
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = guard.ServeConn(context.Background(), far, far) // the client ends it
	}()
	if _, err := io.WriteString(near, createNamed("last")); err != nil {
		t.Fatal(err)
	}
	<-e.asked
	near.Close()
	refused := make(chan answered, 1)
	go func() { refused <- exchange(t, socket, createNamed("more")) }()
	select {
	case <-served:
		t.Error("it ends before the engine has answered")
	case <-e.asked:
		t.Error("another guard asks for one more")
	case a := <-refused:
		t.Error("another guard does not wait for its turn")
		refused <- a
	case <-time.After(200 * time.Millisecond): // each of these would come at once
	}
	close(e.hold)
	if a := <-refused; a.status != http.StatusForbidden {
		t.Errorf("one more is answered %d %s", a.status, a.body)
	}
	<-served
}

// TestE2EContainersHaveAnEnd: the same before a real engine. It says what counting takes.
func TestE2EContainersHaveAnEnd(t *testing.T) {
	proctest.E2E(t)
	s := newSite(t) // has one already
	counts := createMany(100, func(i int) answered { return exchange(t, s.guard, createNamed(fmt.Sprintf("end_%d", i))) })
	made := strings.Fields(hoststest.Docker(t, "ps", "-aq", "--filter", "label="+labelDatabase+"="+testDatabase))
	if counts[http.StatusCreated] != most-1 || counts[http.StatusForbidden] != 100-(most-1) || len(made) != most {
		t.Errorf("answers are %v, and there are %d containers; want %d, the others refused", counts, len(made), most)
	}
	t.Logf("to list %d containers takes the engine %v", most, median(t, s.engine, `/v1.41/containers/json?all=1&filters={"label":{"`+labelDatabase+`":true}}`))
	if a := exchange(t, s.guard, ask("DELETE", "/v1.41/containers/wrp_end_0?force=1")); a.status == http.StatusForbidden {
		t.Errorf("one of them is not removed: %d %s", a.status, a.body)
	}
}
