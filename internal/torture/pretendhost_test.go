package torture

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh/knownhosts"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/proctest"
	"wrpdistributor/internal/service/servicetest"
)

// A pretendHost is a host within this process, which is never killed.
type pretendHost struct {
	*pretend.Host
	addr string // by which the service reaches it
}

// startPretendHosts starts hosts, the first of which is behind a line of so many bytes
// a second, unless that is 0.
func startPretendHosts(t *testing.T, n, slow int) []host {
	t.Helper()
	var list []host
	for i, h := range servicetest.StartHosts(t, n, pretend.Config{}) {
		addr := h.SSHAddr()
		if i == 0 && slow > 0 {
			addr = hoststest.StartThrottle(t, addr, slow).Addr
		}
		list = append(list, pretendHost{h, addr})
	}
	return list
}

func (h pretendHost) Entry() entry {
	address, _, _ := net.SplitHostPort(h.addr)
	_, key, _ := strings.Cut(h.KnownHostsLine(), " ")
	known := knownhosts.Normalize(h.addr) + " " + key
	return entry{Address: address, Host: proctest.Host{Name: h.addr, User: h.User(), Key: h.ClientKeyPEM(), KnownHosts: known}}
}

func (h pretendHost) Look() ([]container, error) {
	var list []container
	for _, c := range h.Containers() {
		session, _ := strconv.ParseInt(c.Labels[labelSession], 10, 64) // foreign ones may have anything
		list = append(list, container{
			ID: c.ID, Name: c.Name, DatabaseID: c.Labels[labelDatabase], Session: session,
			Token: tokenOf(c.Cmd), Created: c.Created, Running: c.Running, Paused: c.Paused,
		})
	}
	return list, nil
}

func (h pretendHost) Kill(ids ...string) {
	for _, id := range ids {
		h.KillContainer(id)
	}
}

func (h pretendHost) Pause(ids ...string) {
	for _, id := range ids {
		h.PauseContainer(id)
	}
}

func (h pretendHost) Foreign(name string, labels map[string]string, port int) (string, error) {
	c, err := h.ForeignContainer(name, labels, port)
	return c.ID, err
}

func (h pretendHost) Kinds() []kind {
	return []kind{
		{name: "cut off", longest: 4 * time.Second, cutsOff: true},
		{name: "cut off", longest: 4 * time.Second, cutsOff: true},
		{name: "unresponsive", longest: 5 * time.Second, cutsOff: true},
		{name: "connections dropped"},
		{name: "slow engine", longest: 3 * time.Second},
		{name: "slow create", longest: 3 * time.Second},
		{name: "slow start", longest: 3 * time.Second},
		{name: "create after the start timeout", longest: 3 * time.Second, slow: true},
		{name: "start after the start timeout", longest: 3 * time.Second, slow: true},
		{name: "answers to create lost", longest: 2 * time.Second},
		{name: "answers to start lost", longest: 2 * time.Second},
		{name: "answers to remove lost", longest: 2 * time.Second},
		{name: "creates fail"},
		{name: "starts fail"},
		{name: "image gone", longest: 2 * time.Second},
		{name: "slow WRP", longest: 3 * time.Second},
		{name: "containers ignore SIGTERM", longest: 4 * time.Second},
	}
}

// tooLate is longer than a start may take.
const tooLate = startTimeout + 2*time.Second

func (h pretendHost) Disturb(kind string, size int) (func(), error) {
	delay := func(d time.Duration, ops ...string) (func(), error) {
		for _, op := range ops {
			h.SetDelay(op, d)
		}
		return func() {
			for _, op := range ops {
				h.SetDelay(op, 0)
			}
		}, nil
	}
	lose := func(op string) (func(), error) {
		h.LoseAnswer(op, 1+size%3)
		return func() { h.LoseAnswer(op, 0) }, nil
	}
	some := time.Duration(1+size%10) * 100 * time.Millisecond
	switch kind {
	case "cut off":
		return func() {
			if err := h.SetDown(false); err != nil {
				panic(err) // no port of a host is anybody else's
			}
		}, h.SetDown(true)
	case "unresponsive":
		h.SetUnresponsive(true)
		return func() { h.SetUnresponsive(false) }, nil
	case "connections dropped":
		h.DropConnections()
	case "slow engine":
		return delay(some/5, pretend.OpAll)
	case "slow create":
		return delay(2*some, pretend.OpCreate)
	case "slow start":
		return delay(2*some, pretend.OpStart)
	case "create after the start timeout":
		return delay(tooLate, pretend.OpCreate)
	case "start after the start timeout":
		return delay(tooLate, pretend.OpStart)
	case "answers to create lost":
		return lose(pretend.OpCreate)
	case "answers to start lost":
		return lose(pretend.OpStart)
	case "answers to remove lost":
		return lose(pretend.OpRemove)
	case "creates fail":
		h.FailNext(pretend.OpCreate, http.StatusInternalServerError, "no space left on device", 1+size%2)
	case "starts fail":
		h.FailNext(pretend.OpStart, http.StatusInternalServerError, "OCI runtime create failed", 1+size%2)
	case "image gone":
		h.SetImage(false)
		return func() { h.SetImage(true) }, nil
	case "slow WRP":
		h.SetReadyAfter(some)
		return func() { h.SetReadyAfter(0) }, nil
	case "containers ignore SIGTERM":
		h.IgnoreStopSignals(true)
		return func() { h.IgnoreStopSignals(false) }, nil
	default:
		return nil, fmt.Errorf("no such trouble: %s", kind)
	}
	return nil, nil
}
