package hostsetup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// sayWord begins the lines of the host that are for us: its shell may greet.
const sayWord = "wrp-hosts-add "

// hello tells what has to be known before there is a script, and then takes that from
// standard input and runs it; half of one does nothing. It has no single quotes and one line, for whatever shell the
// operator has.
const hello = `echo "` + sayWord + `machine $(uname -m)"; ` +
	`if dpkg -S /usr/bin/wrp-hostguard >/dev/null 2>&1; then echo "` + sayWord + `guard"; fi; ` +
	`for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf "$f" 2>/dev/null | sed "s/^/` + sayWord + `key /"; done; ` +
	`if [ "$(id -u)" = 0 ]; then set --; elif sudo -n true 2>/dev/null; then set -- sudo -n; else exit 77; fi; ` +
	`f=$(mktemp) || exit; trap "rm -f $f" EXIT; echo "` + sayWord + `ready"; cat >"$f"; "$@" sh "$f"`

const exitNoRoot = 77

// ErrNoRoot means that the operator's login is neither root's nor may become it unasked.
var ErrNoRoot = errors.New("is not root there, and may not become it without being asked for a password (sudo -n)")

// exitSSH is the exit code of ssh itself.
const exitSSH = 255

// lastWords is how long the end of a connection is waited for.
const lastWords = 5 * time.Second

// A Login is the operator's on a host, where root waits for a script.
type Login struct {
	Machine  string   // as uname -m calls it
	HasGuard bool     // the package's
	Keys     []string // fingerprints of the host's own keys

	target Target
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Scanner
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
	l.out = bufio.NewScanner(out)
	if err := l.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: it is the operator's ssh that leads to the host (Debian: apt-get install openssh-client); or have the host's root run the script that --print prints, and then --prepared", err)
	}
	if !l.meet() {
		return nil, l.ended(ctx)
	}
	return l, nil
}

// meet reads what the host says of itself, until it waits for a script.
func (l *Login) meet() (ready bool) {
	for l.out.Scan() {
		said, ours := strings.CutPrefix(l.out.Text(), sayWord)
		kind, what, _ := strings.Cut(said, " ")
		switch {
		case !ours:
		case kind == "machine":
			l.Machine = what
		case kind == "guard":
			l.HasGuard = true
		case kind == "key":
			l.Keys = append(l.Keys, what)
		case kind == "ready":
			return true
		}
	}
	return false
}

// Run has the host run a script, and tells back how each change is undone.
func (l *Login) Run(ctx context.Context, script func(io.Writer) error, back func(string)) error {
	written := make(chan error, 1)
	go func() { // ends with the connection
		w := bufio.NewWriter(l.in)
		written <- errors.Join(script(w), w.Flush(), l.in.Close())
	}()
	for l.out.Scan() {
		if command, ok := strings.CutPrefix(l.out.Text(), "to go back: "); ok {
			back(command)
		}
	}
	err := l.ended(ctx)
	if e := <-written; err == nil {
		err = e
	}
	return err
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
