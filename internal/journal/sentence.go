package journal

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// A zone writes times for people, in short where the day is that of an entry.
type zone struct {
	day time.Time
	in  *time.Location
}

// at is a time of the day, with the day if that is another one.
func (z zone) at(t time.Time, layout string) string {
	t = t.In(z.in)
	if t.Format(time.DateOnly) != z.day.In(z.in).Format(time.DateOnly) {
		layout = time.DateOnly + " " + layout
	}
	return t.Format(layout)
}

// Sentence tells the entry, without its time and its client, to somebody in that zone.
func (e *Entry) Sentence(in *time.Location) string {
	z := zone{e.At, in}
	text := e.What.sentence(e, z)
	if e.Times > 1 {
		text += fmt.Sprintf(" (%d times, the last at %s)", e.Times, z.at(e.Last, time.TimeOnly))
	}
	return strings.Map(printable, text) + "."
}

// printable keeps what others said in its line.
func printable(r rune) rune {
	if unicode.IsControl(r) {
		return ' '
	}
	return r
}

func (e *Entry) place(port int) string { return fmt.Sprintf("%s:%d", e.Host, port) }

func (w Claimed) sentence(e *Entry, _ zone) string {
	return fmt.Sprintf("session %d: slot %d of %s (port %d) reserved%s", e.Session, w.Slot, e.Host, w.Port, overTLS(w.TLS))
}

func overTLS(tls bool) string {
	if tls {
		return ", for TLS"
	}
	return ""
}

func (w Taken) sentence(e *Entry, _ zone) string {
	if w.Ready {
		return fmt.Sprintf("session %d: a warm container on %s taken", e.Session, e.Host)
	}
	return fmt.Sprintf("session %d: a container on %s taken that is still being warmed up", e.Session, e.Host)
}

func (w WarmedUp) sentence(e *Entry, _ zone) string {
	return fmt.Sprintf("container %d on %s waits for a client%s, warmed up in %s", e.Session, e.place(w.Port), overTLS(w.TLS), short(ms(w.All))) + w.Took.inBrackets()
}

func (w WarmUpFailed) sentence(e *Entry, _ zone) string {
	return fmt.Sprintf("no container could be warmed up on %s: %s", e.Host, w.Why)
}

func (w Frozen) sentence(e *Entry, _ zone) string {
	return fmt.Sprintf("session %d on %s frozen: not used for %s", e.Session, e.Host, short(ms(w.Unused)))
}

func (w Started) sentence(e *Entry, _ zone) string {
	how := ""
	if w.Warm {
		how = " in a warm container"
	}
	return fmt.Sprintf("session %d runs on %s%s, %s after the request", e.Session, e.place(w.Port), how, short(ms(w.All))) + w.Took.inBrackets()
}

func (s Steps) inBrackets() string {
	if s == (Steps{}) {
		return ""
	}
	return " (" + s.String() + ")"
}

// String names the steps that were taken.
func (s Steps) String() string {
	var parts []string
	for _, step := range []struct {
		name string
		took time.Duration
	}{{"claim", s.Claim}, {"create", s.Create}, {"start", s.Start}, {"ready", s.Ready}} {
		if step.took > 0 {
			parts = append(parts, step.name+" "+short(step.took))
		}
	}
	return strings.Join(parts, ", ")
}

// short is a duration as people read it.
func short(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return fmt.Sprintf("%d h", int(d.Hours()))
}

func (w Failed) sentence(e *Entry, _ zone) string {
	return fmt.Sprintf("session %d did not start on %s: %s; tried once more", e.Session, e.place(w.Port), w.Why)
}

func (w Refused) sentence(_ *Entry, z zone) string {
	var b strings.Builder
	b.WriteString("refused: ")
	for i, r := range w.Reasons {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(r.text(z))
	}
	if w.Others > 0 {
		fmt.Fprintf(&b, ", and %d hosts more", w.Others)
	}
	if len(w.Reasons) == 0 {
		b.WriteString(w.Why)
	}
	if w.Retry > 0 {
		fmt.Fprintf(&b, "; told to come back in %d s", w.Retry)
	}
	return b.String()
}

func (r Reason) text(z zone) string {
	name := r.Host
	if r.More > 0 {
		name = fmt.Sprintf("%s and %d more", r.Host, r.More)
	}
	if r.Since.IsZero() {
		return name + " " + r.Why
	}
	return fmt.Sprintf("%s down since %s (%s)", name, z.at(r.Since, "15:04"), r.Why)
}

func (w GatewayRefused) sentence(e *Entry, _ zone) string {
	return fmt.Sprintf("session %d: the gateway refused a request with %d: %s", e.Session, w.Code, w.Why)
}

func (w Given) sentence(e *Entry, _ zone) string {
	return fmt.Sprintf("session %d on %s given again", e.Session, e.place(w.Port))
}

func (w Ended) sentence(e *Entry, _ zone) string {
	name := "session"
	if w.Warm {
		name = "warm container"
	}
	after := ""
	if !w.Began.IsZero() {
		after = " after " + life(e.At.Sub(w.Began))
	}
	text := fmt.Sprintf("%s %d on %s is over%s: %s", name, e.Session, e.Host, after, w.Why)
	if w.Why != byClient {
		text += fmt.Sprintf(" (by %s)", e.Program)
	}
	return text
}

// byClient needs no word on the program that did it.
const byClient = "ended by its client"

// life is how long something lasted that began at a time without fractions.
func life(d time.Duration) string {
	if d < 2*time.Minute {
		return fmt.Sprintf("%d s", int(max(0, d).Seconds()))
	}
	return short(d)
}

func (w HostUp) sentence(e *Entry, _ zone) string {
	if w.NoImage {
		return e.Host + " is up, and has no image yet"
	}
	return e.Host + " is up"
}

func (w HostDown) sentence(e *Entry, _ zone) string { return e.Host + " is down: " + w.Why }

func (w Drained) sentence(e *Entry, _ zone) string {
	if w.Reason == "" {
		return e.Host + " is drained"
	}
	return e.Host + " is drained: " + w.Reason
}

func (Undrained) sentence(e *Entry, _ zone) string { return e.Host + " gets sessions again" }

func (w Paused) sentence(*Entry, zone) string {
	return "new sessions are paused; clients are told: " + strings.TrimSuffix(w.Reason, ".")
}

func (Resumed) sentence(*Entry, zone) string { return "clients get new sessions again" }

func (w AccountAdded) sentence(*Entry, zone) string {
	return fmt.Sprintf("account %s was added", w.Account)
}

func (w AccountPassword) sentence(*Entry, zone) string {
	return fmt.Sprintf("account %s has another password", w.Account)
}

func (w AccountDisabled) sentence(*Entry, zone) string {
	return fmt.Sprintf("account %s was disabled", w.Account)
}

func (w AccountEnabled) sentence(*Entry, zone) string {
	return fmt.Sprintf("account %s may come in again", w.Account)
}

func (w AccountRemoved) sentence(*Entry, zone) string {
	return fmt.Sprintf("account %s was removed", w.Account)
}

func (w AccountRefused) sentence(*Entry, zone) string {
	return fmt.Sprintf("a wrong password for account %s", w.Account)
}

func (w Serving) sentence(e *Entry, _ zone) string {
	text := fmt.Sprintf("%s %s began to serve on %s", e.Program, w.Version, w.Machine)
	if w.Gateway != "" {
		text += ", its gateway at " + w.Gateway
	}
	return text
}

func (w Leaving) sentence(e *Entry, _ zone) string {
	return fmt.Sprintf("%s on %s stopped; sessions go on", e.Program, w.Machine)
}

func (w Lost) sentence(e *Entry, _ zone) string {
	return fmt.Sprintf("%d entries of the journal before this one were lost: %s", w.Entries, w.Why)
}

func (o Other) sentence(*Entry, zone) string {
	return fmt.Sprintf("%s (of a later version of this program): %s", o.Of, o.Detail)
}
