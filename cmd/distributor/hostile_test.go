package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"wrpdistributor/internal/proctest"
)

// A mob is clients that mean no good: they hold connections, and never do what would
// end them.
type mob struct {
	*stack
	api, gateway, secure string // addresses
	token                string // of the session that they share
	moved                atomic.Int64
}

// newMob starts a distributor on a pretend host, for a mob.
func newMob(t *testing.T, shutdownTimeout string) *mob {
	t.Helper()
	s, _ := newPretendStack(t)
	m := &mob{stack: s, api: strings.TrimPrefix(s.base, "http://"), gateway: s.withGateway(), secure: proctest.FreeAddr(t)}
	s.set("GATEWAY_TLS_LISTEN", m.secure)
	s.set("SHUTDOWN_TIMEOUT", shutdownTimeout)
	s.start()
	m.token = m.put("mob").Token
	return m
}

// connect sends a text and reads so many bytes of what comes back, and nothing more. The
// connection lasts as long as the test.
func (m *mob) connect(address, text string, take int) net.Conn {
	m.t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { nc.Close() })
	if err := nc.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		m.t.Fatal(err)
	}
	if address == m.secure {
		nc = tls.Client(nc, &tls.Config{InsecureSkipVerify: true})
	}
	m.send(nc, text)
	if _, err := io.ReadFull(nc, make([]byte, take)); err != nil {
		m.t.Fatalf("%q at %s: %v", text, address, err)
	}
	return nc
}

func (m *mob) send(nc net.Conn, text string) {
	n, _ := io.WriteString(nc, text) // the server may end it
	m.moved.Add(int64(n))
}

func (m *mob) download(size int) string {
	return fmt.Sprintf("GET /img/big?bytes=%d HTTP/1.1\r\nHost: x\r\nBearer: %s\r\n\r\n", size, m.token)
}

// join adds one of each kind to the mob.
func (m *mob) join(i int) {
	auth := "Host: x\r\nBearer: " + authToken + "\r\nUser-Agent: mob\r\n"
	const big = 1 << 30
	m.connect(m.gateway, m.download(big), 0)                                      // takes nothing
	m.connect(m.secure, m.download(big), 0)                                       // the same
	m.connect(m.gateway, "GET /shutdown/ HTTP/1.1\r\nHost: x\r\n\r\n", 12)        // stays, idle, and not in line for a place
	m.connect(m.api, "GET / HTTP/1.1\r\n"+auth+"\r\n", 12)                        // the same
	m.connect(m.api, "", 0)                                                       // says nothing
	m.connect(m.gateway, "", 0)                                                   // the same
	m.connect(m.api, "PUT / HTTP/1.1\r\n"+auth+"Content-Le", 0)                   // half a request
	m.connect(m.api, "PUT / HTTP/1.1\r\n"+auth+"Content-Length: 9\r\n\r\nssl", 0) // half a body
	m.connect(m.gateway, "POST / HTTP/1.1\r\nHost: x\r\nBearer: "+m.token+"\r\nContent-Length: 9\r\n\r\nhalf", 0)
	for _, address := range []string{m.api, m.gateway} {
		nc := m.connect(address, "GET / HTTP/1.1\r\nX: ", 0)
		go func() { // byte by byte
			for _, err := io.WriteString(nc, "x"); err == nil; _, err = io.WriteString(nc, "x") {
				time.Sleep(200 * time.Millisecond)
			}
		}()
	}
	nc := m.connect(m.api, "", 0)
	go func() { // asks and asks, and reads none of the answers
		for range 5000 {
			m.send(nc, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		}
	}()
}

const kinds = 12 // of [mob.join]

// settle waits until nothing moves any more.
func (m *mob) settle() {
	m.t.Helper()
	last, still := m.state(), 0
	m.eventually("nothing moves", func() bool {
		now := m.state()
		if still++; now != last {
			last, still = now, 0
		}
		return still == 25
	})
}

func (m *mob) state() string { return fmt.Sprint(m.moved.Load(), m.memory("VmRSS")>>20) }

// memory returns what the system says of the distributor's, in bytes.
func (m *mob) memory(name string) int {
	m.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.proc.PID()))
	if err != nil {
		m.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n"+name+":")
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		m.t.Fatal(err)
	}
	return n << 10
}

// ends waits for the end of the distributor, which must be a good one.
func (m *mob) ends() {
	m.t.Helper()
	m.proc.Signal(syscall.SIGTERM)
	select {
	case <-m.proc.Done():
	case <-time.After(2 * time.Minute):
		m.t.Fatalf("clients keep the process from ending:\n%s", m.proc.Output())
	}
	if code, out := m.proc.ExitCode(), m.proc.Output(); code != 0 || strings.Contains(out, "deadline exceeded") {
		m.t.Errorf("exit %d, want 0 and nothing about deadlines:\n%s", code, out)
	}
}

// TestStopWhoeverHangsOn: a process that is to end does not wait for clients that take
// or send nothing, though it would wait long for others.
func TestStopWhoeverHangsOn(t *testing.T) {
	m := newMob(t, "30m")
	for i := range 3 {
		m.join(i)
	}
	m.settle()
	m.ends()
}

// TestStopCutsWhoGoesOn: a download that goes on and on ends with the time that it has.
func TestStopCutsWhoGoesOn(t *testing.T) {
	m := newMob(t, "1s")
	nc := m.connect(m.gateway, m.download(1<<30), 12)
	cut := make(chan int64)
	go func() {
		n := int64(0)
		for err := error(nil); err == nil; time.Sleep(10 * time.Millisecond) {
			var more int64
			more, err = io.CopyN(io.Discard, nc, 4<<10)
			n += more
		}
		cut <- n
	}()
	m.ends()
	if n := <-cut; n >= 1<<30 {
		t.Errorf("%d bytes arrived, want fewer than all", n)
	}
}

// TestMobTakesLittleMemory: and nobody else notices it.
func TestMobTakesLittleMemory(t *testing.T) { resistMob(t, 120) }

// TestE2EMobTakesLittleMemory: a thousand connections.
func TestE2EMobTakesLittleMemory(t *testing.T) {
	proctest.E2E(t)
	resistMob(t, 1000)
}

func resistMob(t *testing.T, n int) {
	t.Helper()
	const most = 80 << 20 // some 52 of them, and what the collector is late with on a busy machine
	m := newMob(t, "15s")
	other := m.put("other")
	m.settle()
	before := m.memory("VmRSS")
	for i := range n / kinds {
		m.join(i)
	}
	m.settle()
	got, peak := m.memory("VmRSS")-before, m.memory("VmHWM")-before
	t.Logf("%d connections: %d MiB before, %d MiB more after, %d MiB more at the peak", n/kinds*kinds, before>>20, got>>20, peak>>20)
	if got > most {
		t.Errorf("%d MiB more, want at most %d", got>>20, most>>20)
	}
	m.do("PUT", "other", 204)
	if code, _, _ := m.request("GET", "http://"+m.gateway+"/", other.Token, "other"); code != 200 {
		t.Errorf("another session is answered %d", code)
	}
	m.ends()
}
