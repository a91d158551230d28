package gateway

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"
	"weak"

	"wrpdistributor/internal/session"
)

const many = 10_000

// typical returns a session as long as they are.
func typical(id int) session.Session {
	return session.Session{
		ID: int64(id), State: session.Running, Host: fmt.Sprintf("host%03d.example", id%200), Port: 9090, Gateway: true,
		Token: fmt.Sprintf("%040d", id), ContainerID: fmt.Sprintf("%064d", id), Nonce: fmt.Sprintf("%032d", id), Settings: fmt.Sprintf("%064d", id),
		ClientIP: "192.0.2.100", UserAgent: fmt.Sprintf("%080d", id), Identity: make([]byte, 32), Started: time.Now(),
	}
}

// newLoaded returns a gateway with n sessions.
func newLoaded(n int) *Gateway {
	g := &Gateway{Config: Config{Interval: session.GatewayDelay}}
	g.routes.init()
	for id := range n {
		s := typical(id + 1)
		g.Started(&s)
	}
	return g
}

// heap returns how many bytes are in use.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what the first one only found
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestRouteIsSmall: 1.8 kB with all that belongs to it, 0.3 kB once it has ended.
func TestRouteIsSmall(t *testing.T) {
	const n = many / 5
	before := heap()
	g := newLoaded(n)
	if each := (heap() - before) / n; each > 2500 {
		t.Errorf("%d bytes for each session", each)
	}
	for id := range n {
		g.routes.remove(int64(id + 1))
	}
	if each := (heap() - before) / n; each > 600 {
		t.Errorf("%d bytes for each session that ended", each)
	}
	runtime.KeepAlive(g)
}

// TestRouteKeepsNoOtherInMemory: not those that were read together with it.
func TestRouteKeepsNoOtherInMemory(t *testing.T) {
	g := newLoaded(0)
	read := func() weak.Pointer[session.Session] {
		list := []session.Session{typical(1), typical(2)}
		g.routes.addAll(list, g.newRoute)
		return weak.Make(&list[1])
	}()
	runtime.GC()
	if read.Value() != nil || g.routes.get(1) == nil {
		t.Error("a list is kept in memory by what was in it")
	}
}

// TestEndedRouteIsKeptWhileInUse: and no longer.
func TestEndedRouteIsKeptWhileInUse(t *testing.T) {
	g := newLoaded(1)
	r := g.routes.remove(1)
	runtime.GC()
	if again := g.routes.remove(1); again != r || r == nil {
		t.Errorf("a route in use is forgotten: %p, %p", r, again)
	}
	runtime.KeepAlive(r)
	r = nil
	runtime.GC()
	if g.routes.remove(1) != nil {
		t.Error("a route that nobody uses is kept")
	}
}

// BenchmarkFind is what a request pays to find its session among many, and what one in a
// thousand waits at least, while the rest of the gateway does one thing all the time.
func BenchmarkFind(b *testing.B) {
	list := make([]session.Brief, many)
	for i := range list {
		list[i].ID = int64(i + 1)
	}
	for _, tt := range []struct {
		name   string
		beside func(*Gateway)
	}{
		{"alone", nil},
		{"reload that finds nothing", func(g *Gateway) { g.routes.compare(list, g.routes.begin()) }},
		{"reload that finds all", func(g *Gateway) { _, ended := g.routes.compare(nil, g.routes.begin()); addAgain(g, ended) }},
		{"flush", func(g *Gateway) { g.flush(b.Context(), func(*route) bool { return false }) }},
	} {
		b.Run(tt.name, func(b *testing.B) {
			g := newLoaded(many)
			stop, stopped := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(stopped)
				for tt.beside != nil {
					select {
					case <-stop:
						return
					default:
						tt.beside(g)
					}
				}
			}()
			var took []time.Duration
			token := typical(77).Token
			for b.Loop() {
				began := time.Now()
				_, _ = g.routes.find(token)
				took = append(took, time.Since(began))
			}
			close(stop)
			<-stopped
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*999/1000].Nanoseconds()), "ns-p99.9")
		})
	}
}

// addAgain puts sessions back that ended, under ids that nobody knows to have ended.
func addAgain(g *Gateway, ended []*route) {
	for _, r := range ended {
		s := *r.session
		s.ID += many
		g.Started(&s)
	}
}
