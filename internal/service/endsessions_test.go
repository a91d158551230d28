package service_test

import (
	"errors"
	"testing"
	"time"

	"wrpdistributor/internal/clock"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// TestLateSessionsOfAnAccountEnd: another process, which takes the account for one that may
// still come in, gives it a session when the first one has ended.
func TestLateSessionsOfAnAccountEnd(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{})
	ctx, anna := t.Context(), session.AccountUser("anna", "", 2)
	come := func() error {
		_, _, err := k.Sessions.Allocate(ctx, anna, false)
		return err
	}
	if err := come(); err != nil {
		t.Fatal(err)
	}
	late := make(chan error, 1)
	go func() {
		for {
			list, err := k.Sessions.OfAccount(ctx, "anna")
			if err == nil && len(list) == 0 {
				err = come()
				late <- err
				return
			}
			if err := clock.Sleep(ctx, 10*time.Millisecond); err != nil {
				late <- err
				return
			}
		}
	}()
	n, err := k.EndSessions(ctx, "anna")
	lateErr := <-late
	if errors.Is(lateErr, session.ErrStopped) {
		lateErr = nil // the first look was not over yet, and ended it at its start
	}
	if n != 2 || err != nil || lateErr != nil {
		t.Errorf("%d sessions were ended, %v; the late one came with %v; want 2", n, err, lateErr)
	}
	if list, err := k.Sessions.OfAccount(ctx, "anna"); len(list) > 0 || err != nil {
		t.Errorf("there are still %+v, %v", list, err)
	}
}
