package hosts

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

const (
	maxOutputLines = 20
	maxOutput      = 2048 // bytes

	outputTimeout = 2 * time.Second
)

// reportEnd logs what is known of a container that never was ready.
func (h *host) reportEnd(ctx context.Context, s Spec, message string) {
	ctx, cancel := context.WithTimeout(ctx, outputTimeout)
	defer cancel()
	f, err := h.find(ctx, s.Ref)
	if err != nil {
		return // it was removed
	}
	log := h.log.With("container", s.Ref.String(), "session", s.Session)
	if f.Exit != nil {
		log = log.With("exit_code", f.Exit.Code, "out_of_memory", f.Exit.OutOfMemory)
	}
	output, err := h.engine.lastOutput(ctx, f.ID)
	if err != nil {
		log.Warn(message, "err", err)
		return
	}
	if s.Token != "" {
		output = strings.ReplaceAll(output, s.Token, "{token}")
	}
	log.Warn(message, "output", h.cfg.Container.describeOutput(output))
}

// describeOutput returns the end of what a container wrote, fit for a log, or why
// there is nothing.
func (c ContainerConfig) describeOutput(output string) string {
	if output = printable(output); output != "" {
		return output
	}
	if c.discardsLog() {
		return "none: WRP_ARGS has -log /dev/null, leave that out to see what WRP says"
	}
	return "none"
}

// discardsLog reports whether the arguments send WRP's log nowhere.
func (c ContainerConfig) discardsLog() bool {
	for i, arg := range c.Args {
		name, value, joined := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
		if !joined && i+1 < len(c.Args) {
			value = c.Args[i+1]
		}
		if strings.HasPrefix(arg, "-") && name == "log" && value == "/dev/null" {
			return true
		}
	}
	return false
}

// printable returns the last lines of output, with everything spelled out that a
// terminal would act upon.
func printable(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	lines = lines[max(0, len(lines)-maxOutputLines):]
	for i, line := range lines {
		var b strings.Builder
		for _, r := range strings.TrimRightFunc(line, unicode.IsSpace) {
			if unicode.IsPrint(r) {
				b.WriteRune(r)
			} else {
				b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
			}
		}
		lines[i] = b.String()
	}
	text := strings.Join(lines, "\n")
	if len(text) > maxOutput {
		text = strings.ToValidUTF8(text[len(text)-maxOutput:], "")
	}
	return text
}

// A tail keeps the end of what is written to it.
type tail struct{ end []byte }

// Write implements [io.Writer].
func (t *tail) Write(b []byte) (int, error) {
	t.end = append(t.end, b[max(0, len(b)-maxOutput):]...)
	t.end = slices.Delete(t.end, 0, max(0, len(t.end)-maxOutput))
	return len(b), nil
}

// String returns the end.
func (t *tail) String() string { return string(t.end) }
