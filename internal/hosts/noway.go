package hosts

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/ssh"
)

// explainNoWay says why none of the ways to a host's engine is one. What sshd and the
// command tell nobody is said as what it can be. Of a guard nothing is said that nobody has
// seen there.
func explainNoWay(user string, known way, failures map[way]error) error {
	name, socket, instead := way(dockerSocket), failures[dockerSocket], guardInstead
	if known == guardSocket {
		name, socket, instead = guardSocket, failures[guardSocket], ""
	}
	command := failures[byCommand]
	if refused, ok := errors.AsType[*ssh.OpenChannelError](socket); ok && refused.Reason == ssh.ConnectionFailed {
		socket = wordedError{socket, fmt.Sprintf("sshd does not open %s and does not say why: %s, or the key's line lacks permitopen=\"[%[1]s]:*\" or port-forwarding%[3]s", name, name.obstacles(user), instead)}
	} else if ok && refused.Reason == ssh.Prohibited {
		socket = fmt.Errorf("the key's line or sshd itself forbids %s: %w", name, socket)
	}
	if errors.Is(command, io.EOF) {
		command = wordedError{command, fmt.Sprintf("what the key runs ended without a word: something else than %q, such as /bin/false, or that with Docker stopped", dialStdio)}
	}
	return fmt.Errorf("%w: no way to the Docker engine: over the socket: %w; over the command: %w", ErrUnreachable, socket, command)
}

// guardInstead is for a host on which nobody has seen a guard yet.
const guardInstead = " (if hostguard is there: the group wrp-hostguard, wrp-hostguard.socket and permitopen=\"[" + guardSocket + "]:*\" instead)"

// obstacles are what on the host itself may keep us from a socket.
func (w way) obstacles(user string) string {
	if w == guardSocket {
		return user + " is not in the group wrp-hostguard there, wrp-hostguard.socket is stopped"
	}
	return user + " is not in the group docker there, Docker is stopped or still starting"
}
