package pretend

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/go-connections/nat"

	"wrpdistributor/internal/pretend/standin"
)

func (e *engine) start(ref string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find(ref)
	if err != nil {
		return err
	}
	return e.run(c)
}

// run starts a container, on its network, and opens its ports. e.mu is held.
func (e *engine) run(c *instance) error {
	switch {
	case c.state == container.StatePaused:
		return refuse(http.StatusConflict, "cannot start a paused container, try unpause instead")
	case c.running():
		return refuse(http.StatusNotModified, "")
	}
	if err := e.checkNetwork(c.host.NetworkMode); err != nil {
		return err
	}
	if err := e.openPorts(c); err != nil {
		e.closePorts(c)
		c.exitCode, c.failure = 128, err.Error()
		if c.host.AutoRemove {
			e.drop(c)
		}
		return err
	}
	c.state, c.exitCode, c.failure = container.StateRunning, 0, ""
	c.startedAt, c.finishedAt = time.Now(), time.Time{}
	e.emit(c, events.ActionStart, nil)
	if c.badArgs != nil {
		e.exit(c, 2)
		return nil
	}
	e.serve(c)
	return nil
}

// openPorts publishes the ports of a container. e.mu is held.
func (e *engine) openPorts(c *instance) error {
	fail := func(reason string, args ...any) error {
		return refuse(http.StatusInternalServerError,
			"driver failed programming external connectivity on endpoint %s (%s): "+reason, append([]any{c.name, c.id}, args...)...)
	}
	if e.closed {
		return fail("the engine is shutting down")
	}
	for private, bindings := range c.host.PortBindings {
		for _, b := range bindings {
			port, _ := strconv.Atoi(b.HostPort) // checked when the container was created
			switch b.HostIP {
			case "", "0.0.0.0", "127.0.0.1", e.config.Addr:
			default:
				return fail("Error starting userland proxy: listen tcp4 %s:%d: bind: cannot assign requested address", b.HostIP, port)
			}
			if port != 0 && e.ports[port] != nil {
				return fail("Bind for %s:%d failed: port is already allocated", hostIP(b.HostIP), port)
			}
			l, err := e.network.listen(port, &c.pause)
			if err != nil {
				return fail("Error starting userland proxy: %v", err) // such as: address already in use
			}
			c.ports = append(c.ports, publishedPort{private, b.HostIP, l})
			e.ports[l.addr.Port] = c
		}
	}
	return nil
}

func hostIP(ip string) string {
	if ip == "" {
		return "0.0.0.0"
	}
	return ip
}

// closePorts closes the published ports of a container. e.mu is held.
func (e *engine) closePorts(c *instance) {
	for _, p := range c.ports {
		p.listener.Close()
		delete(e.ports, p.public())
	}
	c.ports = nil
	if c.server != nil {
		c.server.Close()
		c.server = nil
	}
}

// serve lets the stand-in answer on the published ports. e.mu is held.
func (e *engine) serve(c *instance) {
	c.server = &http.Server{
		ErrorLog:    log.New(io.Discard, "", 0),
		BaseContext: func(net.Listener) context.Context { return e.tasks.ctx },
		Handler:     e.standIn(c),
	}
	server, ready := c.server, time.Now().Add(e.readyAfter)
	for _, p := range c.ports {
		ln, listens := c.inside(p.private, &notReadyListener{p.listener, ready})
		if listens {
			e.tasks.spawn(func() { server.Serve(ln) })
		} else {
			// Docker publishes a port even if nothing listens on it inside.
			e.tasks.spawn(func() { acceptAndClose(ln) })
		}
	}
}

// standIn returns what answers in the container. Its shutdown ends this run of it
// and no later one.
func (e *engine) standIn(c *instance) http.Handler {
	run, browserStart := c.exited, e.config.BrowserStart
	if c.options.BrowserStart > 0 {
		browserStart = c.options.BrowserStart
	}
	return standin.New(standin.Config{
		Token:        c.options.Token,
		Hostname:     c.config.Hostname,
		BrowserStart: browserStart,
		KeepPages:    c.options.KeepPages,
		Shutdown:     func() { e.tasks.spawn(func() { e.endRun(c, run, 1) }) },
	})
}

// inside returns ln as the stand-in listens on it in the container, and whether
// it does.
func (c *instance) inside(port nat.Port, ln net.Listener) (net.Listener, bool) {
	switch port {
	case privatePort(c.options.Listen):
		return ln, true
	case privatePort(c.options.TLSListen):
		cert, err := tls.LoadX509KeyPair(c.source(standin.CertFile), c.source(standin.KeyFile))
		if err != nil {
			return ln, false
		}
		return tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{cert}}), true
	}
	return ln, false
}

// A notReadyListener closes connections that come before it is ready, as a
// published port does while the program inside does not listen yet.
type notReadyListener struct {
	net.Listener
	ready time.Time
}

// Accept returns the next connection that comes after it is ready.
func (l *notReadyListener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil || !time.Now().Before(l.ready) {
			return nc, err
		}
		nc.Close()
	}
}

// exit ends a running container. e.mu is held.
func (e *engine) exit(c *instance, code int) {
	e.closePorts(c)
	c.pause.set(false)
	c.state, c.exitCode, c.finishedAt = container.StateExited, code, time.Now()
	close(c.exited)
	c.exited = make(chan struct{})
	e.emit(c, events.ActionDie, map[string]string{"exitCode": strconv.Itoa(code)})
	if c.host.AutoRemove {
		e.drop(c)
	}
}

// endRun ends one run of a container, unless it has ended already.
func (e *engine) endRun(c *instance, run <-chan struct{}, code int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c.running() && c.exited == run && !e.closed {
		e.exit(c, code)
	}
}

// crash ends a container as if by itself. It reports whether it ran.
func (e *engine) crash(ref string, code int) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find(ref)
	if err != nil || !c.running() {
		return false
	}
	e.exit(c, code)
	return true
}
