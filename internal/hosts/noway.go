package hosts

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/ssh"
)

// explainNoWay says why neither of the ways to a host's engine is one. What sshd and the
// command tell nobody is said as what it can be.
func explainNoWay(user string, socket, command error) error {
	if refused, ok := errors.AsType[*ssh.OpenChannelError](socket); ok && refused.Reason == ssh.ConnectionFailed {
		socket = wordedError{socket, fmt.Sprintf("sshd does not open %s and does not say why: %s is not in the group docker there, Docker is stopped or still starting, "+
			"or the key's line lacks permitopen=\"[%[1]s]:*\" or port-forwarding", dockerSocket, user)}
	} else if ok && refused.Reason == ssh.Prohibited {
		socket = fmt.Errorf("the key's line or sshd itself forbids %s: %w", dockerSocket, socket)
	}
	if errors.Is(command, io.EOF) {
		command = wordedError{command, fmt.Sprintf("what the key runs ended without a word: something else than %q, such as /bin/false, or that with Docker stopped", dialStdio)}
	}
	return fmt.Errorf("%w: no way to the Docker engine: over the socket: %w; over the command: %w", ErrUnreachable, socket, command)
}
