package statistics

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"wrpdistributor/internal/database"
)

// SQLite takes any number, text and time that somebody writes by hand, and one such row
// would cost a page all others: sums overflow. What no pool has is therefore left out
// wherever rows are read, and [Spoilt] names it.
const (
	soundNumbers = `activeSessions BETWEEN 0 AND 65535 AND containersRunningTotal BETWEEN 0 AND 65535
		AND remainingContainersTotal BETWEEN 0 AND 65535 AND containerHostsAvailable BETWEEN 0 AND 65535
		AND uniqueClientIps BETWEEN 0 AND 65535`

	// An hour has sixty rows; one of years that were taken over may have more.
	soundHour = `samples BETWEEN 1 AND 65535 AND sessions BETWEEN 0 AND samples * 65535 AND containers BETWEEN 0 AND samples * 65535
		AND remaining BETWEEN 0 AND samples * 65535 AND hosts BETWEEN 0 AND samples * 65535 AND clients BETWEEN 0 AND samples * 65535
		AND mostSessions BETWEEN 0 AND 65535 AND mostClients BETWEEN 0 AND 65535 AND lastId BETWEEN 0 AND 4294967295`
)

// soundRow is the condition for rows of single minutes.
func soundRow(db *database.DB) string {
	return soundNumbers + ` AND ` + db.Epoch("timeOfCapture") + ` IS NOT NULL`
}

// Spoilt names rows that are left out, one of the last day's minutes and one of all hours:
// who reads more has nothing else of older minutes. It is nil if there is none.
func Spoilt(ctx context.Context, db *database.DB) error {
	minute, err := name(ctx, db, "statistics", "id", `timeOfCapture >= `+db.SecondsAgo()+` AND NOT (`+soundRow(db)+`)`, int64(day.Length/time.Second))
	if err != nil {
		return err
	}
	hour, err := name(ctx, db, "statisticsHours", "hour", `NOT (`+soundHour+`) OR `+db.Epoch("hour")+` IS NULL`)
	if err != nil {
		return err
	}
	return errors.Join(minute, hour)
}

// A spoiltError is a row that is left out.
type spoiltError struct{ table, column, key string }

// Error implements error.
func (e *spoiltError) Error() string {
	return fmt.Sprintf("a row has what no pool has, and is left out; DELETE FROM %s WHERE %s = '%s'", e.table, e.column, e.key)
}

// name returns a row of a table for which a condition holds, or none.
func name(ctx context.Context, db *database.DB, table, column, where string, args ...any) (spoilt, err error) {
	var keys []string
	err = sqlx.SelectContext(ctx, db, &keys, `SELECT CAST(`+column+` AS CHAR) FROM `+table+` WHERE `+where+` LIMIT 1`, args...)
	if err != nil {
		return nil, fmt.Errorf("look for spoilt rows of %s: %w", table, err)
	}
	if len(keys) == 0 {
		return nil, nil
	}
	return &spoiltError{table, column, keys[0]}, nil
}

// logSpoilt says once an hour that there is one.
func (s *Sampler) logSpoilt(ctx context.Context) error {
	err := Spoilt(ctx, s.DB)
	switch _, isSpoilt := errors.AsType[*spoiltError](err); {
	case !isSpoilt && err != nil:
		return err
	case err == nil:
		s.spoilt.Over()
	case s.spoilt.Due(err):
		s.Log.WarnContext(ctx, "spoilt statistics left out", "err", err)
	}
	return nil
}
