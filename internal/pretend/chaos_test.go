package pretend

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"golang.org/x/crypto/ssh"

	"wrpdistributor/internal/clock"
)

// TestGrace checks how long a stop waits before it kills.
func TestGrace(t *testing.T) {
	second, zero, negative := time.Second, 0, -time.Second
	for _, tt := range []struct {
		asked *time.Duration
		own   *int
		want  time.Duration
	}{
		{nil, nil, defaultGrace}, {&second, nil, time.Second}, {nil, &zero, 0}, {&second, &zero, time.Second}, {&negative, nil, -time.Second},
	} {
		c := &instance{config: &container.Config{StopTimeout: tt.own}}
		if got := c.grace(tt.asked); got != tt.want {
			t.Errorf("grace asked %v own %v = %v, want %v", tt.asked, tt.own, got, tt.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	close(ended)
	if awaitExit(ctx, ended, time.Hour) || !awaitExit(ctx, make(chan struct{}), 0) || awaitExit(ctx, ended, -1) {
		t.Error("awaitExit must say whether the grace expired")
	}
	cancel()
	if awaitExit(ctx, make(chan struct{}), time.Hour) {
		t.Error("awaitExit took the end of the host for expired")
	}
}

// TestEndDuringStop: a container that ignores SIGTERM ends while its stop waits, by
// itself or by removal. The stop has nothing left to kill.
func TestEndDuringStop(t *testing.T) {
	h, c := ready(t)
	h.IgnoreStopSignals(true)
	for _, end := range []func(id string){
		func(id string) { h.KillContainer(id) },
		func(id string) { c.ContainerRemove(t.Context(), id, container.RemoveOptions{Force: true}) },
	} {
		id := launch(t, c, "", nil)
		asked := h.Requests(OpStop)
		done := make(chan error, 1)
		go func() { done <- c.ContainerStop(t.Context(), id, container.StopOptions{}) }()
		eventually(t, "stop asked for", func() bool { return h.Requests(OpStop) > asked })
		end(id)
		if err := <-done; err != nil {
			// The removal may have come before the stop.
			if inspect(t, c, id) != "gone" {
				t.Error(err)
			}
		}
		if got := inspect(t, c, id); got != "exited 1" && got != "gone" {
			t.Errorf("in the end: %s", got)
		}
	}
}

// TestConsistentAfterChaos does everything at once, for the race detector, and then
// checks that the host's tables agree.
func TestConsistentAfterChaos(t *testing.T) {
	h := startHost(t, Config{Addr: AnyAddr, HasImage: true})
	ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
	defer cancel()
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for ctx.Err() == nil {
				disturb(t, ctx, h, worker)
			}
		})
	}
	all.Go(func() {
		for ctx.Err() == nil {
			_ = clock.Sleep(ctx, time.Duration(rand.IntN(20))*time.Millisecond)
			switch rand.IntN(4) {
			case 0:
				if err := h.SetDown(true); err != nil {
					t.Error(err)
				}
				if err := h.SetDown(false); err != nil {
					t.Error(err)
				}
			case 1:
				h.SetUnresponsive(true)
				_ = clock.Sleep(ctx, time.Millisecond)
				h.SetUnresponsive(false)
			case 2:
				h.DropConnections()
			case 3:
				h.LoseAnswer(OpAll, 1)
				h.FailNext(OpAll, 500, "chaos", 1)
			}
		}
	})
	all.Wait()
	h.engine.mu.Lock()
	defer h.engine.mu.Unlock()
	published := 0
	for _, c := range h.engine.containers {
		if c.running() != (len(c.ports) > 0) {
			t.Errorf("container %s is %s and has %d ports", c.name, c.state, len(c.ports))
		}
		published += len(c.ports)
	}
	if published != len(h.engine.ports) || len(h.engine.names) != len(h.engine.containers) {
		t.Errorf("%d ports of %d are in use, %d names for %d containers", published, len(h.engine.ports), len(h.engine.names), len(h.engine.containers))
	}
}

// disturb logs in and does a few things to a container that other goroutines use too.
func disturb(t *testing.T, ctx context.Context, h *Host, worker int) {
	config := clientConfig(h)
	nc, err := (&net.Dialer{}).DialContext(ctx, "tcp", h.SSHAddr())
	if err != nil {
		return
	}
	nc.SetDeadline(time.Now().Add(time.Second))
	sc, channels, requests, err := ssh.NewClientConn(nc, h.SSHAddr(), config)
	if err != nil {
		nc.Close()
		return
	}
	client := ssh.NewClient(sc, channels, requests)
	defer client.Close()
	c := docker(t, func(ctx context.Context) (net.Conn, error) { return client.DialContext(ctx, "unix", dockerSocket) })
	defer c.Close()
	name := fmt.Sprintf("chaos-%d", worker%3)
	for range 5 {
		ctx, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		switch rand.IntN(7) {
		case 0, 1:
			c.ContainerCreate(ctx, &container.Config{Image: DefaultImage}, publish(9000+worker%2), nil, nil, name)
		case 2:
			c.ContainerStart(ctx, name, container.StartOptions{})
		case 3:
			c.ContainerStop(ctx, name, container.StopOptions{})
		case 4:
			c.ContainerRemove(ctx, name, container.RemoveOptions{Force: true})
		case 5:
			c.ContainerPause(ctx, name)
			c.ContainerList(ctx, container.ListOptions{All: true})
			c.ContainerUnpause(ctx, name)
		case 6:
			fetch(ctx, "http://"+at(h, 9000+worker%2)+"/shutdown/", "", nil)
		}
		cancel()
	}
}
