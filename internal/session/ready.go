package session

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"wrpdistributor/internal/hosts"
)

const (
	drainedAge     = time.Second // of what is known of drained hosts
	drainedTimeout = time.Second
)

// A NotReadyError says why no host takes sessions, in words that name none.
type NotReadyError struct {
	Down, NoImage, Drained, Leaving, Unknown int // hosts
}

// Error counts the hosts by what keeps them.
func (e *NotReadyError) Error() string {
	var parts []string
	for _, p := range []struct {
		n    int
		text string
	}{{e.Down, "down"}, {e.NoImage, "without the image"}, {e.Drained, "drained"}, {e.Leaving, "leaving"}, {e.Unknown, "not checked yet"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.text))
		}
	}
	return "no container host takes sessions: " + strings.Join(parts, ", ")
}

// Ready returns a [NotReadyError] unless a host takes sessions, as far as is known. One
// that is full does: its sessions end. It waits for the database for a second at most.
func (m *Manager) Ready(ctx context.Context) error {
	drained := m.drained.look(ctx, m.store.Drained)
	e := &NotReadyError{}
	for st := range m.pool.Statuses() {
		_, isDrained := drained[st.Host.Name]
		switch {
		case st.Leaving:
			e.Leaving++
		case st.State == hosts.Unknown:
			e.Unknown++
		case st.State == hosts.NoImage:
			e.NoImage++
		case st.State != hosts.Up:
			e.Down++
		case isDrained:
			e.Drained++
		default:
			return nil
		}
	}
	return e
}

// drainedHostsSeen is which hosts were drained when the database was last asked. All
// who ask within a second share the question.
type drainedHostsSeen struct {
	question singleflight.Group

	mu    sync.Mutex // guards what follows
	hosts map[string]Drained
	asked time.Time // also if no answer came: the one before stays
}

func (d *drainedHostsSeen) look(ctx context.Context, ask func(context.Context) (map[string]Drained, error)) map[string]Drained {
	list, fresh := d.known()
	if fresh {
		return list
	}
	_, _, _ = d.question.Do("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainedTimeout)
		defer cancel()
		list, err := ask(ctx)
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.asked = time.Now(); err == nil {
			d.hosts = list
		}
		return nil, nil
	})
	list, _ = d.known()
	return list
}

func (d *drainedHostsSeen) known() (list map[string]Drained, fresh bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.hosts, time.Since(d.asked) < drainedAge
}
