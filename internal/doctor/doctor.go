// Package doctor finds out why a host does not work.
//
// It goes the way of a session step by step, from the host's name to a container that
// answers, over a connection of its own, and ends a host's list at the first cause: what
// stands behind that cannot be judged. Each step says what was found, and if it failed
// what to type, and where. Only the step that starts a container changes anything. It
// removes the container, also if it is interrupted; a network that the container needs
// and nobody has made yet stays, as the distributor would leave it.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"wrpdistributor/internal/hosts"
)

// A Config says how hosts are to be.
type Config struct {
	Hosts     hosts.Config // GatewayStartPort tells whether clients come through a gateway
	StartPort int          // of the first slot
	Place     string       // where the host is configured, for people; empty: not known
}

// An Outcome is how a step ended.
type Outcome string

// The outcomes of steps.
const (
	Passed  Outcome = "PASSED"
	Failed  Outcome = "FAILED"
	Skipped Outcome = "skipped" // it does not concern this host, or cannot be seen
)

// A Step is one step of a host's list, when it is over.
type Step struct {
	Name    string  `json:"step"`
	Outcome Outcome `json:"outcome"`
	Seconds float64 `json:"seconds"`
	Found   string  `json:"found"`          // what was found, or why it failed, or was skipped
	Mend    *Mend   `json:"mend,omitempty"` // of one that passed: what would be better
}

// A Mend is what to type.
type Mend struct {
	On      string `json:"on"` // the host's name, or [Here]
	Command string `json:"command"`
	Else    *Else  `json:"else,omitempty"` // what else it may be; nil: nothing is known
}

// An Else is what to type in the same place, unless If names another, if the command has
// not helped, or has shown that it is so.
type Else struct {
	If      string `json:"if"` // when, in words
	Command string `json:"command"`
}

// Here is where the distributor runs.
const Here = "here"

// A Report is what was found of a host.
type Report struct {
	Host   string `json:"host"`
	Passed bool   `json:"passed"`
	Steps  []Step `json:"steps"` // up to the first that failed
}

// A Listener is told how a list goes on. Each of its functions may be nil.
type Listener struct {
	Begin func(name string)
	End   func(Step)
}

// An ailment is why a step failed, and what mends that.
type ailment struct {
	error
	mend Mend
}

// Unwrap returns the error.
func (a ailment) Unwrap() error { return a.error }

// errSkip marks a step that is skipped.
var errSkip = errors.New("skipped")

func skip(why string) error { return fmt.Errorf("%w%s", errSkip, why) }

// A patient is a host that is looked at, with what has been found so far.
type patient struct {
	hosts.Host
	cfg    Config
	exam   *hosts.Exam
	way    hosts.Way
	engine hosts.EngineFacts
	guard  hosts.Guard
	ports  hosts.Ports
	advice *Mend // of the step under way, if that passes
}

// Check looks at a host, and tells tell of each step. It ends with the first that fails.
func Check(ctx context.Context, cfg Config, h hosts.Host, tell Listener) (Report, error) {
	exam, err := hosts.NewExam(h, cfg.Hosts)
	if err != nil {
		return Report{}, err
	}
	defer exam.Close()
	p := &patient{Host: h, cfg: cfg, exam: exam}
	report := Report{Host: h.Name, Passed: true}
	for _, s := range steps() {
		if tell.Begin != nil {
			tell.Begin(s.name)
		}
		done := p.take(ctx, s)
		report.Steps = append(report.Steps, done)
		if tell.End != nil {
			tell.End(done)
		}
		if done.Outcome == Failed {
			report.Passed = false
			break
		}
	}
	return report, ctx.Err()
}

// take takes one step.
func (p *patient) take(ctx context.Context, s step) Step {
	begun := time.Now()
	p.advice = nil
	found, err := "", ctx.Err()
	if err == nil {
		found, err = p.look(ctx, s)
	}
	done := Step{Name: s.name, Outcome: Passed, Seconds: time.Since(begun).Round(time.Millisecond).Seconds(), Found: found, Mend: p.advice}
	if err == nil {
		return done
	}
	done.Outcome, done.Mend = Failed, nil
	done.Found = strings.TrimPrefix(hosts.InWords(err).Error(), hosts.ErrUnreachable.Error()+": ") // it is, and why is what follows
	if errors.Is(err, errSkip) {
		done.Outcome, done.Found = Skipped, done.Found[len(errSkip.Error()):]
	}
	if a, ok := errors.AsType[ailment](err); ok {
		done.Mend = &a.mend
	}
	if ctx.Err() != nil && !errors.Is(err, errSkip) && !errors.Is(err, errStays) {
		done.Found, done.Mend = "interrupted", nil
	}
	return done
}

func (p *patient) look(ctx context.Context, s step) (string, error) {
	if s.remote && p.SSH == nil {
		return "", skip("it is this machine")
	}
	return s.look(ctx, p)
}

// fails returns err with what mends it on the host.
func (p *patient) fails(err error, command string) error {
	return ailment{err, Mend{On: p.place(), Command: command}}
}

// failsHere is fails for what is to be typed where the distributor runs.
func failsHere(err error, command string) error {
	return ailment{err, Mend{On: Here, Command: command}}
}

// advise notes what would be better on the host, though it works.
func (p *patient) advise(command string) { p.advice = &Mend{On: p.place(), Command: command} }

func (p *patient) place() string {
	if p.SSH == nil {
		return Here
	}
	return p.Name
}
