package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wrpdistributor/internal/clock"
	"wrpdistributor/internal/hosts"
)

const (
	// dockerMargin is by how much the Docker calls of a start end before the start
	// timeout, after which anybody may take the start for given up.
	dockerMargin = 10 * time.Second

	// MinStartTimeout is the shortest start timeout that leaves Docker time.
	MinStartTimeout = dockerMargin + 5*time.Second

	// maxStretch is how many times its time a start may take at most, while other
	// sessions' pictures keep the link to its host busy.
	maxStretch = 5

	// extendEvery is how often others are told that a start still goes on. It leaves
	// most of dockerMargin to end a start of which they think otherwise.
	extendEvery = dockerMargin / 5
)

// dockerTime is how long a start may wait for Docker.
func (m *Manager) dockerTime() time.Duration { return m.store.startTimeout - dockerMargin }

// inStartTime does what a start asks of Docker within its time, which is most at the
// most. Time in which the link to the host was behind is not counted. That is told to
// others by the row's own time; if they have stopped the session meanwhile, do is cut off.
func (m *Manager) inStartTime(ctx context.Context, s *Session, most time.Duration, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	p, end := m.pool.Patience(ctx, s.Host, m.dockerTime())
	stopped := make(chan bool, 1)
	go func() {
		isStopped := m.extend(p, s.ID)
		end()
		stopped <- isStopped
	}()
	err := do(p)
	end()
	if isStopped := <-stopped; isStopped && err != nil && !errors.Is(err, ErrStopped) {
		return fmt.Errorf("%w: %w", ErrStopped, err)
	}
	return err
}

// extend keeps the row of a start from being overdue as long as the start may go on. It
// returns when that has ended, or true when it finds that no start is under way.
func (m *Manager) extend(p *hosts.Patience, id int64) (isStopped bool) {
	began, allowed, extended := time.Now(), p.Left(), time.Duration(0)
	for clock.Sleep(p, extendEvery) == nil {
		passed := allowed - p.Left()
		lost := time.Since(began) - passed
		if lost < extended+extendEvery/2 {
			continue
		}
		underWay, err := m.store.Extend(context.WithoutCancel(p), id, passed)
		switch {
		case err != nil:
			m.log.WarnContext(p, "start on a slow link not recorded", "session", id, "err", err)
		case !underWay:
			return true
		default:
			extended = lost
		}
	}
	return false
}
