package main

import (
	"context"
	"net/http"
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

// await opens the service as soon as there is a database for it. A database that
// refuses us is not waited for: somebody has to correct the settings.
func (d *distributor) await(ctx context.Context) (*service.Service, error) {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = firstPause, maxPause
	var trouble reminder.Trouble
	attempt := func() (*service.Service, error) {
		svc, err := d.open(ctx)
		if err != nil && (!database.IsUnavailable(err) || database.IsRefusal(err)) {
			err = backoff.Permanent(err)
		}
		return svc, err
	}
	return backoff.Retry(ctx, attempt, backoff.WithBackOff(pauses), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, pause time.Duration) {
			if trouble.Due(err) {
				d.log.WarnContext(ctx, "database unavailable; nothing is served until it answers", "err", err, "retry_in", pause.Round(time.Millisecond))
			}
		}))
}

// open opens the service on a database that is made, or brought up to date, if need
// be.
func (d *distributor) open(ctx context.Context) (*service.Service, error) {
	db, err := database.OpenAndMigrate(ctx, service.Database(d.cfg, true))
	if err != nil {
		return nil, err
	}
	if path, made := db.Made(); made && !d.pretends {
		d.log.WarnContext(ctx, "new database made; there was none", "path", path)
	}
	svc, err := service.Open(ctx, d.cfg, db, d.log)
	if err != nil {
		return nil, err
	}
	err = svc.DB.Register(ctx, svc.Process)
	if err == nil {
		err = comparePool(ctx, svc, d.log)
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
