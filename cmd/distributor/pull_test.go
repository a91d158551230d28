package main

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/proctest"
)

// TestPullIsInterrupted while a host is slow: the command says so, and nothing of
// registries, which are not to blame. The host keeps the image that it had, and the next
// pull brings the newer one, also after a command that was killed.
func TestPullIsInterrupted(t *testing.T) {
	s, h := newPretendStack(t)
	s.start()
	h.PullIsNewer()
	h.SetDelay(pretend.OpPull, time.Hour)
	for i, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} {
		p := proctest.Start(t, s.Command("distributor", "hosts", "pull"))
		s.eventually("the host pulls", func() bool { return h.Requests(pretend.OpPull) == i+1 })
		p.Signal(sig)
		<-p.Done()
		out := p.Output()
		if sig == syscall.SIGKILL {
			continue // it had no time for words
		}
		s.want("a pull that is interrupted", out, h.SSHAddr()+": FAILED: interrupted\n", "\n  distributor hosts pull "+h.SSHAddr()+"\n", "1 of 1")
		if p.ExitCode() != 1 || strings.Contains(out, "docker save") {
			t.Errorf("it exits with %d and says\n%s", p.ExitCode(), out)
		}
	}
	h.SetDelay(pretend.OpPull, 0)
	s.want("the pull after", s.run(0, "distributor", "hosts", "pull"), ": pulled sha256:", ", was sha256:")
	s.do("PUT", "one", 202)
}
