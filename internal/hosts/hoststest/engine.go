package hoststest

import (
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"
)

// An Engine is this machine's Docker engine at a socket of its own, where it can hang
// or be stopped without harm to others.
type Engine struct {
	t      testing.TB
	socket string
	tasks  sync.WaitGroup

	mu     sync.Mutex // guards what follows
	ln     net.Listener
	conns  map[net.Conn]struct{}
	thawed chan struct{} // closed while the engine does not hang
}

// StartEngine starts one that runs as long as the test.
func StartEngine(t testing.TB) *Engine {
	t.Helper()
	e := &Engine{t: t, socket: filepath.Join(t.TempDir(), "docker.sock"), conns: make(map[net.Conn]struct{}), thawed: make(chan struct{})}
	close(e.thawed)
	e.Start()
	t.Cleanup(func() {
		e.Thaw()
		e.Stop()
		e.tasks.Wait()
	})
	return e
}

// KeyOptions are for a key whose commands reach this engine, and which opens ports too.
func (e *Engine) KeyOptions() string {
	return `restrict,port-forwarding,permitopen="127.0.0.1:*",command="docker -H unix://` + e.socket + ` system dial-stdio"`
}

// Start has the engine answer, again after [Engine.Stop].
func (e *Engine) Start() {
	e.t.Helper()
	ln, err := net.Listen("unix", e.socket)
	if err != nil {
		e.t.Fatal(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ln = ln
	e.tasks.Go(func() { e.accept(ln) })
}

// Stop has connections refused, and cuts those that are.
func (e *Engine) Stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ln.Close()
	for c := range e.conns {
		c.Close()
	}
}

// Freeze has the engine hang: connections are accepted, and nothing moves on any.
func (e *Engine) Freeze() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.thawed = make(chan struct{})
}

// Thaw ends that. What was sent meanwhile arrives.
func (e *Engine) Thaw() {
	e.mu.Lock()
	defer e.mu.Unlock()
	select {
	case <-e.thawed:
	default:
		close(e.thawed)
	}
}

func (e *Engine) awaitThaw() {
	e.mu.Lock()
	thawed := e.thawed
	e.mu.Unlock()
	<-thawed
}

func (e *Engine) accept(ln net.Listener) {
	for {
		near, err := ln.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("unix", "/var/run/docker.sock")
		if err != nil {
			e.t.Error(err)
			near.Close()
			return
		}
		e.mu.Lock()
		e.conns[near], e.conns[far] = struct{}{}, struct{}{}
		e.mu.Unlock()
		e.tasks.Go(func() { e.pass(near, far) })
		e.tasks.Go(func() { e.pass(far, near) })
	}
}

// pass copies what to is sent by from, but not while the engine hangs.
func (e *Engine) pass(to, from net.Conn) {
	_, _ = io.Copy(to, gate{from, e})
	_ = to.(*net.UnixConn).CloseWrite() // the other way goes on
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, other := e.conns[from]; !other {
		to.Close()
		from.Close()
	}
	delete(e.conns, to)
}

// A gate is a connection on which nothing arrives while an engine hangs.
type gate struct {
	net.Conn
	engine *Engine
}

// Read implements [io.Reader].
func (g gate) Read(b []byte) (int, error) {
	n, err := g.Conn.Read(b)
	g.engine.awaitThaw()
	return n, err
}
