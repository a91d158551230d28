package pretend

import (
	"fmt"
	"sync"
	"testing"

	"wrpdistributor/internal/porttest"
)

func TestForeignContainer(t *testing.T) {
	h, c := ready(t)
	port := porttest.Free(t)
	info, err := h.ForeignContainer("theirs", map[string]string{"owner": "them"}, port)
	if err != nil || info.Port != port || !info.Running || info.Labels["owner"] != "them" {
		t.Fatalf("foreign container = %+v, %v", info, err)
	}
	if got := get(t, h, port, "/", ""); got != 200 {
		t.Errorf("it answers %d", got)
	}
	if _, err := h.ForeignContainer("theirs", nil, 0); err == nil {
		t.Error("two containers of one name")
	}
	if _, err := h.ForeignContainer("other", nil, port); err == nil || len(h.Containers()) != 1 {
		t.Errorf("a second one on one port: %v, %d containers", err, len(h.Containers()))
	}
	if _, err := h.TakePort(port); err == nil {
		t.Error("a port was taken twice")
	}
	if !h.KillContainer("theirs") || h.KillContainer("theirs") || h.KillContainer("nobody") {
		t.Error("KillContainer must report one container that ran")
	}
	if got := inspect(t, c, info.ID); got != "exited 1" {
		t.Errorf("after the end: %s", got)
	}
}

// TestForeignContainerRunsAtOnce: whoever looks meanwhile and removes what does not run finds
// nothing that is not there to stay.
func TestForeignContainerRunsAtOnce(t *testing.T) {
	h := startHost(t, Config{})
	done := make(chan struct{})
	var remover sync.WaitGroup
	remover.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			for _, c := range h.Containers() {
				_ = h.engine.remove(c.ID, false) // refused if it runs
			}
		}
	})
	for i := range 1000 {
		name := fmt.Sprintf("theirs%d", i)
		if info, err := h.ForeignContainer(name, nil, 0); err != nil || !info.Running {
			t.Errorf("%s = %+v, %v", name, info, err)
			break
		}
		h.KillContainer(name)
	}
	close(done)
	remover.Wait()
}

// TestTakePort checks that the port is closed to all others, and open again
// after release or with the host.
func TestTakePort(t *testing.T) {
	h := startHost(t, Config{})
	port := porttest.Free(t)
	release, err := h.TakePort(port)
	if err != nil {
		t.Fatal(err)
	}
	if got := get(t, h, port, "/", ""); got != 0 {
		t.Errorf("it answers %d", got)
	}
	release()
	release()
	if _, err = h.TakePort(port); err != nil {
		t.Errorf("after release: %v", err)
	}
}
