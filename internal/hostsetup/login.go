package hostsetup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// sayWord begins the lines of the host that are for us: its shell may greet.
const sayWord = "wrp-hosts-add "

// hello tells what has to be known before there is a script, and then takes that from
// standard input and runs it; half of one does nothing. It has no single quotes and one line, for whatever shell the
// operator has. A greeting may have no end of a line, and gets one.
const hello = `echo; echo "` + sayWord + `machine $(uname -m)"; ` +
	`if dpkg -S /usr/bin/wrp-hostguard >/dev/null 2>&1; then echo "` + sayWord + `guard"; fi; ` +
	`for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf "$f" 2>/dev/null | sed "s/^/` + sayWord + `key /"; done; ` +
	`if [ "$(id -u)" = 0 ]; then set --; elif sudo -n true 2>/dev/null; then set -- sudo -n; else exit 77; fi; ` +
	`f=$(mktemp) || exit; trap "rm -f $f" EXIT; trap "exit 1" HUP PIPE TERM; echo "` + sayWord + `ready"; cat >"$f"; "$@" sh "$f"`

const exitNoRoot = 77

// ErrNoRoot means that the operator's login is neither root's nor may become it unasked.
var ErrNoRoot = errors.New("is not root there, and may not become it without being asked for a password (sudo -n)")

// exitSSH is the exit code of ssh itself.
const exitSSH = 255

// lastWords is how long the end of a connection is waited for.
const lastWords = 5 * time.Second

// What a host says of itself is bounded, and is words: it may not be the one that was meant.
const (
	maxKeys    = 16
	maxChanges = 200
	maxSaid    = 1 << 10 // of one line
)

// errNotMet means that a login ended, and not by a failure, before root waited for a script.
var errNotMet = errors.New("the operator's login ended before it ran anything: want one that runs what ssh is given, without a command or a program of its own in the place of its shell")

// machineForm is what uname -m may say. It comes to stand in commands that are to be typed.
var machineForm = regexp.MustCompile(`^[a-zA-Z0-9_]{1,20}$`)

// A Login is the operator's on a host, where root waits for a script.
type Login struct {
	Machine  string   // as uname -m calls it; unknown: it says something else
	HasGuard bool     // the package's
	Keys     []string // fingerprints of the host's own keys

	target Target
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
}

// LogIn logs in with the operator's ssh, which is told how by its first arguments. What
// that and the host's steps say goes to stderr. Whoever has a login has to run a script or
// close it.
func LogIn(ctx context.Context, ssh []string, t Target, stderr io.Writer) (*Login, error) {
	args := append(append(ssh[1:len(ssh):len(ssh)], t.arguments()...), "sh -c '"+hello+"'")
	l := &Login{target: t, cmd: exec.CommandContext(ctx, ssh[0], args...)}
	l.cmd.Stderr, l.cmd.WaitDelay = stderr, lastWords
	var err error
	if l.in, err = l.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := l.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	l.out = bufio.NewReader(out)
	if err := l.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: it is the operator's ssh that leads to the host (Debian: apt-get install openssh-client); or have the host's root run the script that --print prints, and then --prepared", err)
	}
	if l.meet() {
		return l, nil
	}
	if err := l.ended(ctx); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("%s: %w", t.Host, errNotMet)
}

// meet reads what the host says of itself, until it waits for a script.
func (l *Login) meet() (ready bool) {
	for line, ok := l.line(); ok; line, ok = l.line() {
		said, ours := strings.CutPrefix(line, sayWord)
		kind, what, _ := strings.Cut(said, " ")
		switch {
		case !ours:
		case kind == "machine":
			l.Machine = "unknown"
			if machineForm.MatchString(what) {
				l.Machine = what
			}
		case kind == "guard":
			l.HasGuard = true
		case kind == "key" && len(l.Keys) < maxKeys:
			l.Keys = append(l.Keys, words(what))
		case kind == "ready":
			return true
		}
	}
	return false
}

// line returns the next line of the host, and of a long one the beginning. All of it is read:
// else a host that writes would be waited for, and wait.
func (l *Login) line() (text string, ok bool) {
	part, more, err := l.out.ReadLine()
	text = string(part)
	for more && err == nil {
		_, more, err = l.out.ReadLine()
	}
	return text, err == nil
}

// Run has the host run a script, and tells back how each change is undone.
func (l *Login) Run(ctx context.Context, script func(io.Writer) error, back func(string)) error {
	written := make(chan error, 1)
	go func() { // ends with the connection
		w := bufio.NewWriter(l.in)
		written <- errors.Join(script(w), w.Flush(), l.in.Close())
	}()
	said := 0
	for line, ok := l.line(); ok; line, ok = l.line() {
		if command, ours := strings.CutPrefix(line, "to go back: "); ours && said < maxChanges {
			back(words(command))
			said++
		}
	}
	err := l.ended(ctx)
	if e := <-written; err == nil {
		err = e
	}
	return err
}

// words are a line of the host's as it may be shown, which a terminal may not take for
// anything else.
func words(line string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, line[:min(len(line), maxSaid)])
}

// Close ends a login without a script.
func (l *Login) Close() {
	_ = l.in.Close()
	_ = l.cmd.Wait() // it has said nothing that counts
}

// ended says how ssh has ended.
func (l *Login) ended(ctx context.Context) error {
	_ = l.in.Close()
	err := l.cmd.Wait()
	exit, isExit := errors.AsType[*exec.ExitError](err)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("interrupted: %w", ctx.Err())
	case err == nil:
		return nil
	case isExit && exit.ExitCode() == exitNoRoot:
		return fmt.Errorf("%s: the operator's login %w", l.target.Host, ErrNoRoot)
	case isExit && exit.ExitCode() == exitSSH:
		return fmt.Errorf("the operator's own ssh to %s failed, or was cut off: it says why above; try: ssh %s", l.target.Host, l.target)
	case isExit:
		return fmt.Errorf("%s was not prepared, see above", l.target.Host)
	}
	return err
}
