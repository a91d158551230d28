package hosts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"regexp"
	"strings"
	"syscall"
)

// dockerHost is a name that the client library wants. It means nothing to anybody.
const dockerHost = "http://docker.invalid"

// A noAnswer is why a request to an engine got no answer. The client library guesses from
// an error's text what it is, and replaces some: it sees none of this one.
type noAnswer struct{ error }

// Error says no more than that.
func (noAnswer) Error() string { return "no answer" }

// Unwrap returns why.
func (e noAnswer) Unwrap() error { return e.error }

// why is what people are told.
func (e noAnswer) why() string {
	if text := e.error.Error(); text != context.DeadlineExceeded.Error() {
		return text
	}
	return errSilent.Error()
}

// A wordedError says in our words what it wraps.
type wordedError struct {
	error
	text string
}

// Error implements error.
func (e wordedError) Error() string { return e.text }

// Unwrap returns the error itself.
func (e wordedError) Unwrap() error { return e.error }

// An outputError quotes what a container wrote, whose lines are fit to be shown already.
type outputError struct {
	error
	output string
}

// Error implements error.
func (e outputError) Error() string { return e.error.Error() + "; its output: " + e.output }

// Unwrap returns the error without the output.
func (e outputError) Unwrap() error { return e.error }

// aroundNoAnswer is what the client library writes before an error of the connection.
var aroundNoAnswer = [...]string{
	"permission denied while trying to connect to the Docker daemon socket at " + dockerHost + ": ",
	"error during connect: ",
	"",
}

// InWords returns err without what libraries add that means nothing to operators, and
// without what hosts add that is not for a line. It is the same error for whoever compares.
func InWords(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	none, isNone := errors.AsType[noAnswer](err)
	call, isCall := errors.AsType[*url.Error](err)
	if isNone && isCall {
		for _, around := range aroundNoAnswer {
			text = strings.ReplaceAll(text, around+call.Error(), none.why())
		}
	}
	text = strings.ReplaceAll(text, context.DeadlineExceeded.Error(), "no answer in time")
	if _, quotes := errors.AsType[outputError](err); !quotes {
		text = inLine(text)
	}
	if text == err.Error() {
		return err
	}
	return wordedError{err, text}
}

// again is what says once more that a host is down, and since when.
var again = regexp.MustCompile(`^(host is (unreachable|down)( since [-0-9TZ:]+)?: )+`)

// Cause is why a host is down, for a sentence that has said already that it is.
func Cause(reason string) string { return again.ReplaceAllString(reason, "") }

// explainSocket says why this machine's engine cannot be reached.
func explainSocket(err error) error {
	why := ""
	switch {
	case errors.Is(err, fs.ErrNotExist):
		why = "there is no " + dockerSocket + " on this machine (is Docker stopped?)"
	case errors.Is(err, syscall.ECONNREFUSED):
		why = "nobody answers at " + dockerSocket + " on this machine (is Docker stopped?)"
	case errors.Is(err, fs.ErrPermission):
		why = "this user may not open " + dockerSocket + " (is it in the group docker?)"
	default:
		return fmt.Errorf("open %s: %w", dockerSocket, err)
	}
	return wordedError{err, why}
}
