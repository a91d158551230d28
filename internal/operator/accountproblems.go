package operator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"wrpdistributor/internal/accounts"
)

// accountProblem says what is the matter with an account, or leaves an error as it is.
func accountProblem(name string, err error) error {
	switch {
	case errors.Is(err, accounts.ErrUnknown):
		return newProblem(http.StatusNotFound, "no-such-account", fmt.Sprintf("there is no account %s; accounts list says which there are", name))
	case errors.Is(err, accounts.ErrExists):
		return newProblem(http.StatusConflict, "account-exists", fmt.Sprintf("there is an account %s already; accounts password gives it another password", name))
	case errors.Is(err, accounts.ErrName), errors.Is(err, accounts.ErrInvalid):
		return newProblem(http.StatusBadRequest, "bad-request", err.Error())
	}
	return err
}

// sessionsLeft is told when an account cannot come in any more, and is still in.
func sessionsLeft(name string, err error) *Problem {
	return newProblem(http.StatusServiceUnavailable, "sessions-left",
		fmt.Sprintf("account %s is disabled, but not all of its sessions have ended (%v); the same command again ends the rest", name, err))
}

func importProblem(err error) error {
	if bad, ok := errors.AsType[accounts.Problems](err); ok {
		return newProblem(http.StatusUnprocessableEntity, "bad-import", "nothing was imported:\n"+bad.Error())
	}
	return err
}

// decode reads a body of so many bytes at most. What nobody reads is refused: it would do
// something else than was meant. No body is an empty one.
func decode(w http.ResponseWriter, r *http.Request, most int64, into any, example string) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, most))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return newProblem(http.StatusBadRequest, "bad-request", "The body is not JSON such as "+example+", or too long.")
	}
	return nil
}
