package hosts

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"wrpdistributor/internal/clock"
)

// askTime is for a command on a host, or what runs in its place.
const askTime = 2 * time.Second

// refusals is after how many, a pause between them, sshd means what it says.
const refusals = 20

// countSessions returns how many sessions sshd allows at once, but not more than we
// ever use. No command is run in them. It fails if those that there have been do not end.
func (c *connection) countSessions(ctx context.Context) (n int, err error) {
	if err := c.stdio.awaitNone(ctx); err != nil {
		return 0, err
	}
	var open []*channel
	for len(open) < maxStdio {
		ch, err := c.openPatiently(ctx)
		if err != nil {
			break
		}
		open = append(open, ch)
	}
	for _, ch := range open {
		ch.Close()
	}
	for _, ch := range open {
		select {
		case <-ch.ended:
		case <-ctx.Done():
		}
	}
	return len(open), nil
}

// openPatiently opens a session. One that has ended may have its place for a moment more.
func (c *connection) openPatiently(ctx context.Context) (ch *channel, err error) {
	for range refusals {
		ch, err = c.open(ctx, "session", noPort, nil)
		if !isRefused(err) || clock.Sleep(ctx, refusedPause) != nil {
			break
		}
	}
	return ch, err
}

// awaitNone waits until none of the sessions is open.
func (s *sessions) awaitNone(ctx context.Context) error {
	for {
		s.mu.Lock()
		open, changed := s.open, s.changed
		s.mu.Unlock()
		if open == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Ask runs a command on the host that changes nothing, and returns the first that it
// writes. Most keys allow none, and then something else runs in its place, or nothing.
func (x *Exam) Ask(ctx context.Context, line string) (string, error) {
	limited, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	if x.h.client == nil {
		out, _ := exec.CommandContext(limited, "sh", "-c", line).Output() // its exit code says what it writes
		return firstLine(string(out)), limited.Err()
	}
	ch, err := x.conn.open(limited, "session", noPort, nil)
	if err != nil {
		return "", err
	}
	defer ch.Close()
	type answer struct {
		text string
		err  error
	}
	answered := make(chan answer, 1)
	go func() { // ends with the channel, whose end may never come while the connection lasts
		text, err := ch.ask(line)
		answered <- answer{text, err}
	}()
	select {
	case a := <-answered:
		return a.text, a.err
	case <-limited.Done():
		return "", limited.Err()
	}
}

// ask runs a command, and returns the first that it writes.
func (ch *channel) ask(line string) (string, error) {
	if ok, err := ch.SendRequest("exec", true, command(line)); !ok || err != nil {
		return "", fmt.Errorf("sshd runs no command: %w", err)
	}
	_ = ch.CloseWrite() // what runs in its place may wait for input
	out, err := io.ReadAll(io.LimitReader(ch, maxStderr))
	return firstLine(string(out)), err
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return inLine(line)
}
