package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/reminder"
	"wrpdistributor/internal/service"
)

const (
	firstPause = 500 * time.Millisecond
	maxPause   = 15 * time.Second
)

var errOpening = errors.New("it is being opened, or its tables brought up to date")

// A wait is what is known of a database that has not answered yet. It is safe for
// concurrent use.
type wait struct {
	since time.Time

	mu  sync.Mutex
	err error // of the last attempt; nil: the first is under way
}

// failing is since when the database is waited for, and why.
func (w *wait) failing() (time.Time, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		return w.since, errOpening
	}
	return w.since, w.err
}

func (w *wait) failed(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
}

// await opens the service as soon as there is a database for it. A database that
// refuses us is not waited for: somebody has to correct the settings.
func (d *distributor) await(ctx context.Context) (*service.Service, error) {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = firstPause, maxPause
	where := service.Database(d.cfg, true)
	var trouble reminder.Trouble
	attempt := func() (*service.Service, error) {
		svc, err := d.open(ctx, where)
		if err != nil && (!database.IsUnavailable(err) || database.IsRefusal(err)) {
			err = backoff.Permanent(withMend(where, err))
		}
		return svc, err
	}
	return backoff.Retry(ctx, attempt, backoff.WithBackOff(pauses), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, pause time.Duration) {
			err = where.Reason(err)
			d.waits.failed(err)
			if trouble.Due(err) {
				d.log.WarnContext(ctx, "database unavailable; nothing is served until it answers", "database", where.String(),
					"err", err, "mend", where.Mend(err).String(), "retry_in", pause.Round(time.Millisecond))
			}
		}))
}

// withMend says of a database that does not take us which one it is, and what to correct.
// Of what is no matter of settings the error says enough.
func withMend(where database.Config, err error) error {
	if !database.IsRefusal(err) {
		return err
	}
	mend := where.Mend(err)
	return fmt.Errorf("the database %s does not take us: %w\n  %s:\n    %s", where, err, mend.Do, mend.Command)
}

// open opens the service on a database that is made, or brought up to date, if need
// be.
func (d *distributor) open(ctx context.Context, where database.Config) (*service.Service, error) {
	db, err := database.OpenAndMigrate(ctx, where)
	if err != nil {
		return nil, err
	}
	if path, made := db.Made(); made && !d.pretends {
		d.log.WarnContext(ctx, "new database made; there was none", "path", path)
	}
	svc, err := service.OpenAs(ctx, d.cfg, db, d.process, d.log)
	if err != nil {
		return nil, err
	}
	err = svc.DB.Register(ctx, svc.Process)
	if err == nil {
		err = comparePool(ctx, svc, d.log)
	}
	if err == nil && d.cfg.Portal.Mode != "" {
		err = svc.Accounts.LoadKey(ctx)
	}
	if err != nil {
		closeAll(svc, d.log)
		return nil, err
	}
	return svc, nil
}

// A front passes requests on to the handler that it was given last.
type front struct{ handler atomic.Pointer[http.Handler] }

func (f *front) set(h http.Handler) { f.handler.Store(&h) }

// ServeHTTP implements [http.Handler].
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*f.handler.Load()).ServeHTTP(w, r)
}
