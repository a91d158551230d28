package hosts

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/docker/go-units"

	"wrpdistributor/internal/reminder"
)

const (
	pullRetry  = 5 * time.Minute // after a pull that failed
	pullReport = 3 * time.Second
)

// A puller fetches a host's missing image in the background, one at a time. Its
// zero value is ready to use.
type puller struct {
	tasks   sync.WaitGroup
	trouble reminder.Trouble

	mu      sync.Mutex
	done    chan struct{} // closed when the running pull ends; nil: none runs
	text    string        // how far the pull is, or why the last one failed
	retryAt time.Time
}

// start begins to pull, unless a pull runs or one failed a short while ago.
func (p *puller) start(ctx context.Context, h *host) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done != nil || time.Now().Before(p.retryAt) {
		return
	}
	p.text, p.done = "pull begins", make(chan struct{})
	p.tasks.Go(func() { p.finish(p.pull(ctx, h)) })
}

func (p *puller) pull(ctx context.Context, h *host) error {
	log := h.log.With("image", h.cfg.Container.Image)
	if !p.trouble.Lasts() {
		log.Info("pull image")
	}
	begin, last := time.Now(), time.Now()
	err := InWords(h.engine.pull(ctx, h.cfg.Container.Image, func(done, total int64) {
		text := fmt.Sprintf("pulled %s of %s", units.HumanSize(float64(done)), units.HumanSize(float64(total)))
		p.setProgress(text)
		if time.Since(last) > pullReport {
			last = time.Now()
			log.Info("pulling image", "progress", text)
		}
	}))
	if err != nil {
		if p.trouble.Due(err) {
			log.Error("pull image failed", "err", err, "retry_in", pullRetry)
		}
		return err
	}
	p.trouble.Over()
	log.Info("image pulled", "took", time.Since(begin).Round(time.Second))
	return nil
}

// finish notes how the running pull ended.
func (p *puller) finish(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = ""
	if err != nil {
		p.text, p.retryAt = fmt.Sprintf("pull: %v", err), time.Now().Add(pullRetry)
	}
	close(p.done)
	p.done = nil
}

func (p *puller) setProgress(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = text
}

// progress says in words how far the pull is, or why the last one failed. It is
// empty if there is nothing to say.
func (p *puller) progress() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text
}

// finished returns a channel that is closed when the running pull ends. It is
// nil, which blocks for ever, if none runs.
func (p *puller) finished() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}

func (p *puller) wait() { p.tasks.Wait() }
