package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
)

// maxResident is what the program may take, whatever a client does.
const maxResident = 32 << 20

// hostile are what clients send that mean harm, over and over.
func hostile() map[string]string {
	create := func(body string) string {
		return "POST /v1.41/containers/create?name=wrp_x HTTP/1.1\r\nHost: d\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
	}
	const most = 16<<10 - 100
	var keys strings.Builder
	for i := 0; keys.Len() < most; i++ {
		fmt.Fprintf(&keys, `"%x":0,`, i)
	}
	return map[string]string{
		"many small arrays": create(`{"a":[` + strings.Repeat("[],", most/3) + `0]}`),
		"many keys":         create(`{` + keys.String() + `"z":0}`),
		"many strings":      create(`{"Cmd":[` + strings.Repeat(`"",`, most/3) + `""]}`),
		"deep":              create(`{"a":` + strings.Repeat("[", most/2) + strings.Repeat("]", most/2) + `}`),
		"half a body":       create(`{"a":"` + strings.Repeat("x", most) + `"}`)[:15<<10],
		"a large header":    "GET /_ping HTTP/1.1\r\nX: " + strings.Repeat("x", 1<<20),
		"4 MiB":             create(strings.Repeat("x", 4<<20)),
		"lists unread":      strings.Repeat("GET /v1.41/containers/json HTTP/1.1\r\nHost: d\r\n\r\n", 1000),
		"nothing":           "",
	}
}

// TestE2EHostileClientTakesLittleMemory: 300 connections at a time, of which each sends what
// takes most, and reads nothing.
func TestE2EHostileClientTakesLittleMemory(t *testing.T) {
	proctest.E2E(t)
	hoststest.StandIn(t)
	guard := hoststest.StartGuard(t)
	before := peak(t, guard.Process().PID())
	for name, raw := range hostile() {
		var clients sync.WaitGroup
		for range 300 {
			clients.Go(func() { attack(t, guard.Socket, raw) })
		}
		clients.Wait()
		t.Logf("%s: at most %d KiB so far", name, peak(t, guard.Process().PID())>>10)
	}
	if got := peak(t, guard.Process().PID()); got > maxResident {
		t.Errorf("the guard took %d KiB, want %d at most (%d before)", got>>10, maxResident>>10, before>>10)
	}
	ping(t, guard.Socket)
}

// attack sends what it can in a moment, reads nothing and leaves.
func attack(t *testing.T, socket, raw string) {
	nc, err := net.Dial("unix", socket)
	if err != nil {
		t.Error(err)
		return
	}
	defer nc.Close()
	// A guard that has no place for it takes none of it.
	_ = nc.SetDeadline(time.Now().Add(time.Second))
	_, _ = io.WriteString(nc, raw)
	_, _ = nc.Read(make([]byte, 1))
}

// ping wants an answer, as others do after the attack.
func ping(t *testing.T, socket string) {
	t.Helper()
	nc, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(time.Minute))
	_, _ = io.WriteString(nc, "GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n")
	if resp, err := http.ReadResponse(bufio.NewReader(nc), nil); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("after the attack: %v, %v", resp, err)
	}
}

// peak returns the most memory that a process had resident, in bytes.
func peak(t *testing.T, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}
