package httpapi

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"wrpdistributor/internal/session"
)

// TestJournalSaysWhatClientsAreTold of when to come again.
func TestJournalSaysWhatClientsAreTold(t *testing.T) {
	for _, err := range []error{&session.FullError{}, session.ErrNoTLS, session.ErrStopped, session.ErrNoGateway, errors.New("some other")} {
		told := time.Duration(answerTo(err, http.MethodPut).retry) * time.Second
		if noted := session.RetryAfter(err); noted != told {
			t.Errorf("%v: the client is told %s, the journal %s", err, told, noted)
		}
	}
}
