package pretend

import (
	"context"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// The operations of the Docker API, by which faults are set.
const (
	OpAll     = "*" // every operation that has no fault of its own
	OpPing    = "ping"
	OpVersion = "version"
	OpInfo    = "info"
	OpImage   = "image"
	OpPull    = "pull"
	OpCreate  = "create"
	OpStart   = "start"
	OpInspect = "inspect"
	OpList    = "list"
	OpStop    = "stop"
	OpKill    = "kill"
	OpRemove  = "remove"
	OpPause   = "pause"
	OpUnpause = "unpause"
	OpEvents  = "events"
	OpLogs    = "logs"

	OpNetwork       = "network"
	OpCreateNetwork = "create network"
	OpRemoveNetwork = "remove network"
)

// faults is what goes wrong with the Docker API. It is safe for concurrent use.
type faults struct {
	mu     sync.Mutex // guards what follows, all by operation
	delays map[string]time.Duration
	fails  map[string][]*refusal
	lost   map[string]int
	asked  map[string]int
}

func newFaults() *faults {
	return &faults{
		delays: make(map[string]time.Duration),
		fails:  make(map[string][]*refusal),
		lost:   make(map[string]int),
		asked:  make(map[string]int),
	}
}

// An outcome is what becomes of one request.
type outcome struct {
	delay      time.Duration // before anything else
	failure    *refusal      // the answer, without doing anything; nil: none
	loseAnswer bool          // the answer gets lost
}

// outcome returns what becomes of the next request for op.
func (f *faults) outcome(op string) outcome {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked[op]++
	var next outcome
	for _, key := range []string{op, OpAll} {
		if next.delay == 0 {
			next.delay = f.delays[key]
		}
		if queue := f.fails[key]; next.failure == nil && len(queue) > 0 {
			next.failure, f.fails[key] = queue[0], queue[1:]
		}
		if !next.loseAnswer && f.lost[key] > 0 {
			f.lost[key]--
			next.loseAnswer = true
		}
	}
	return next
}

func (f *faults) count(op string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if op == OpAll {
		return sum(slices.Collect(maps.Values(f.asked)))
	}
	return f.asked[op]
}

func sum(ns []int) (total int) {
	for _, n := range ns {
		total += n
	}
	return total
}

// SetDown takes the host off the network, SSH and containers alike: what is
// connected is cut, what connects is refused. The containers go on running.
// The error names a port that somebody else has taken meanwhile.
func (h *Host) SetDown(down bool) error { return h.network.setDown(down) }

// SetUnresponsive makes the host accept connections and send nothing, on old ones
// either, or ends that. What was sent to it meanwhile arrives then.
func (h *Host) SetUnresponsive(on bool) { h.network.unresponsive.set(on) }

// SetEngineStopped makes the engine's socket refuse connections while sshd goes on, as
// where the Docker daemon was stopped. Containers and requests under way go on.
func (h *Host) SetEngineStopped(stopped bool) { h.ssh.docker.setStopped(stopped) }

// DropConnections breaks the SSH connections. New ones are accepted.
func (h *Host) DropConnections() { h.ssh.listener.drop() }

// SetDelay makes the Docker API take d longer for op. An operation is carried
// out after the delay even if the caller has gone by then. 0 ends the delay for
// requests to come.
func (h *Host) SetDelay(op string, d time.Duration) {
	h.faults.mu.Lock()
	defer h.faults.mu.Unlock()
	h.faults.delays[op] = d
}

// FailNext makes the next n requests for op fail with an HTTP status and the
// engine's message. They change nothing.
func (h *Host) FailNext(op string, status int, message string, n int) {
	h.faults.mu.Lock()
	defer h.faults.mu.Unlock()
	for range n {
		h.faults.fails[op] = append(h.faults.fails[op], &refusal{status, message})
	}
}

// LoseAnswer makes the next n requests for op be carried out, and their
// connections to the Docker API break before the answer. HTTP clients ask again
// by themselves for what only reads.
func (h *Host) LoseAnswer(op string, n int) {
	h.faults.mu.Lock()
	defer h.faults.mu.Unlock()
	h.faults.lost[op] = n
}

// SetImage makes the image of the Config be there, or not.
func (h *Host) SetImage(present bool) { h.engine.setImage(h.config.Image, present) }

// ReplaceImage gives the name of the Config's image to another one, as pulling a newer
// one does. Containers keep theirs.
func (h *Host) ReplaceImage() { h.engine.replaceImage(h.config.Image) }

// SetAPIVersions makes the Docker API speak these versions from now on, as after
// an upgrade of the engine in place.
func (h *Host) SetAPIVersions(oldest, newest string) {
	h.engine.mu.Lock()
	defer h.engine.mu.Unlock()
	h.engine.oldestAPI, h.engine.newestAPI = oldest, newest
}

// SetMemory makes the machine have that many bytes of memory.
func (h *Host) SetMemory(bytes int64) {
	h.engine.mu.Lock()
	defer h.engine.mu.Unlock()
	h.engine.memory = bytes
}

// SetUnlimited makes the engine say that its kernel cannot limit what containers use.
func (h *Host) SetUnlimited(unlimited bool) {
	h.engine.mu.Lock()
	defer h.engine.mu.Unlock()
	h.engine.unlimited = unlimited
}

// GiveID makes the engine give that id for each container that it creates, whatever its id is.
// The empty one makes it tell the truth again.
func (h *Host) GiveID(id string) {
	h.engine.mu.Lock()
	defer h.engine.mu.Unlock()
	h.engine.wrongID = id
}

func (e *engine) givenID() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.wrongID
}

// SetClock makes the machine's clock, as it is told and stands on containers that are created
// from now on, be ahead.
func (h *Host) SetClock(ahead time.Duration) {
	h.engine.mu.Lock()
	defer h.engine.mu.Unlock()
	h.engine.clockAhead = ahead
}

func (e *engine) now() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return time.Now().Add(e.clockAhead)
}

// PullFails makes pulls end with message instead of an image, after some
// progress. The empty message makes them work again.
func (h *Host) PullFails(message string) {
	h.engine.mu.Lock()
	defer h.engine.mu.Unlock()
	h.engine.pullError = message
}

// PullIsNewer makes the next pull bring another image than the one that is there.
func (h *Host) PullIsNewer() {
	h.engine.mu.Lock()
	defer h.engine.mu.Unlock()
	h.engine.pullIsNewer = true
}

// SetReadyAfter makes containers that start from now on take that long until
// they answer. Before, their ports accept connections and close them, as ports
// do that Docker publishes.
func (h *Host) SetReadyAfter(d time.Duration) {
	h.engine.mu.Lock()
	defer h.engine.mu.Unlock()
	h.engine.readyAfter = d
}

// IgnoreStopSignals makes all containers ignore SIGTERM, so that only SIGKILL
// ends them.
func (h *Host) IgnoreStopSignals(ignore bool) {
	h.engine.mu.Lock()
	defer h.engine.mu.Unlock()
	h.engine.ignoreSignals = ignore
}

// KillContainer makes a container, named by id or name, end by itself with exit
// code 1. It reports whether such a container ran.
func (h *Host) KillContainer(ref string) bool { return h.engine.crash(ref, 1) }

// PauseContainer makes a container, named by id or name, stand still as if an
// operator had paused it. It reports whether there was one to pause.
func (h *Host) PauseContainer(ref string) bool { return h.engine.setPaused(ref, true) == nil }

// TakePort makes something that is no container listen on a port, until release
// is called or the host is closed. It closes what connects there.
func (h *Host) TakePort(port int) (release func(), err error) {
	ln, err := net.Listen("tcp4", net.JoinHostPort(h.config.Addr, strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	h.tasks.spawn(func() { acceptAndClose(ln) })
	forget := context.AfterFunc(h.tasks.ctx, func() { ln.Close() })
	return func() {
		forget()
		ln.Close()
	}, nil
}

// acceptAndClose accepts connections and closes them until ln is closed.
func acceptAndClose(ln net.Listener) {
	for {
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		nc.Close()
	}
}
