package hosts

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/docker/go-units"
)

const (
	pullRetry  = 5 * time.Minute // after a pull that did not work
	pullReport = 3 * time.Second
)

// A puller fetches a host's missing image in the background, one at a time.
type puller struct {
	tasks sync.WaitGroup

	mu      sync.Mutex
	running bool
	done    chan struct{} // closed when the running pull ends
	text    string
	retryAt time.Time
}

// start begins to pull, unless a pull runs or one failed a short while ago.
func (p *puller) start(ctx context.Context, h *host) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running || time.Now().Before(p.retryAt) {
		return
	}
	p.running, p.text, p.done = true, "pull begins", make(chan struct{})
	p.tasks.Go(func() { p.pull(ctx, h) })
}

func (p *puller) pull(ctx context.Context, h *host) {
	image := h.cfg.Container.Image
	h.log.Info("image is missing, pulling it; clients are sent to other hosts meanwhile", "image", image)
	begin, last := time.Now(), time.Now()
	err := h.engine.pull(ctx, image, func(done, total int64) {
		said := fmt.Sprintf("pulled %s of %s", units.HumanSize(float64(done)), units.HumanSize(float64(total)))
		p.setProgress(said)
		if time.Since(last) > pullReport {
			last = time.Now()
			h.log.Info("pulling image", "image", image, "progress", said)
		}
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running, p.text = false, ""
	close(p.done)
	p.done = nil
	if err != nil {
		p.text = fmt.Sprintf("pull: %v", err)
		p.retryAt = time.Now().Add(pullRetry)
		h.log.Error("image cannot be pulled; load it there by hand (docker pull, docker load) or set WRP_IMAGE", "image", image, "err", err, "again_in", pullRetry)
		return
	}
	h.log.Info("image pulled", "image", image, "took", time.Since(begin).Round(time.Second))
}

func (p *puller) setProgress(said string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = said
}

// progress says in words how far it is; empty if there is nothing to say.
func (p *puller) progress() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text
}

// finished returns a channel that is closed when the running pull ends; nil, so
// never, if none runs.
func (p *puller) finished() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}

func (p *puller) wait() { p.tasks.Wait() }
