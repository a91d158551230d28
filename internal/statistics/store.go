package statistics

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"wrpdistributor/internal/database"
)

const (
	largest = 65535 // of the PHP program's columns

	sumChunk  = 7 * 24 * time.Hour // that one transaction sums up: it has ten seconds, and rows may be long
	sumChunks = 8                  // of one call
)

const stampLayout = "2006-01-02 15:04:05"

func stamp(epoch int64) string { return time.Unix(epoch, 0).UTC().Format(stampLayout) }

// Write writes the row of this minute, unless there is one.
func Write(ctx context.Context, db *database.DB, s Sample) error {
	minute := db.Minute(db.Now())
	from := ""
	if db.DriverName() == "mysql" {
		from = " FROM DUAL" // MariaDB wants one before WHERE
	}
	_, err := database.Exec(ctx, db, `
		INSERT INTO statistics (activeSessions, containersRunningTotal, remainingContainersTotal, containerHostsAvailable, uniqueClientIps, containersInUsePerHost, timeOfCapture)
		SELECT ?, ?, ?, ?, ?, ?, `+minute+from+`
		WHERE NOT EXISTS (SELECT id FROM statistics WHERE timeOfCapture >= `+minute+`)`,
		min(s.Sessions, largest), min(s.Containers, largest), min(s.Remaining, largest), min(s.Hosts, largest), min(s.Clients, largest), encode(s.PerHost))
	if err != nil {
		return fmt.Errorf("write statistics: %w", err)
	}
	return nil
}

// countClients counts the addresses that have sessions.
func countClients(ctx context.Context, db *database.DB) (n int, err error) {
	err = db.GetContext(ctx, &n, `SELECT COUNT(DISTINCT CASE WHEN account = '' THEN clientIp ELSE account END) FROM sessions WHERE clientIp <> '' AND state IN ('claimed', 'starting', 'running')`)
	if err != nil {
		return 0, fmt.Errorf("count clients: %w", err)
	}
	return n, nil
}

// SumUp adds all rows to the sums of their hours that are not in them: those with higher
// ids, since rows are written one after the other. It begins with the first hour that
// lacks one, and what it does twice is right as well. One call sums up two months at most:
// of years that were taken over, the next ones do the rest.
func SumUp(ctx context.Context, db *database.DB) error {
	for range sumChunks {
		first, err := firstMissing(ctx, db)
		if err == nil && len(first) == 0 {
			return nil
		}
		if err == nil {
			hour := first[0] - first[0]%3600
			err = sumUp(ctx, db, stamp(hour), stamp(hour+int64(sumChunk/time.Second)))
		}
		if err != nil {
			return fmt.Errorf("sum up statistics: %w", err)
		}
	}
	return nil
}

// firstMissing returns of when the first row is that is in no sum, if there is one. These
// are two statements, since MariaDB reads all rows up to one that a subquery names.
func firstMissing(ctx context.Context, db *database.DB) (at []int64, err error) {
	var last int64
	if err := db.GetContext(ctx, &last, `SELECT COALESCE(MAX(lastId), 0) FROM statisticsHours WHERE `+soundHour); err != nil {
		return nil, err
	}
	err = db.SelectContext(ctx, &at, `SELECT `+db.Epoch("timeOfCapture")+` FROM statistics WHERE id > ? AND `+soundRow(db)+` ORDER BY id LIMIT 1`, last)
	return at, err
}

// sumUp makes the sums of the hours from one to another anew.
func sumUp(ctx context.Context, db *database.DB, from, to string) error {
	return database.InTx(ctx, db, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM statisticsHours WHERE hour >= ? AND hour < ?`, from, to); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `
			INSERT INTO statisticsHours (hour, samples, sessions, containers, remaining, hosts, clients, mostSessions, mostClients, lastId)
			SELECT `+db.Hour("timeOfCapture")+` AS began, COUNT(*), SUM(activeSessions), SUM(containersRunningTotal), SUM(remainingContainersTotal),
				SUM(containerHostsAvailable), SUM(uniqueClientIps), MAX(activeSessions), MAX(uniqueClientIps), MAX(id)
			FROM statistics WHERE timeOfCapture >= ? AND timeOfCapture < ? AND `+soundRow(db)+` GROUP BY began`, from, to)
		return err
	})
}

// Prune removes rows that are older than that, some thousands at most, and the sums of
// hours. It returns how many rows there were.
func Prune(ctx context.Context, db *database.DB, keep time.Duration) (n int, err error) {
	age := int64(keep / time.Second)
	n, err = database.Prune(ctx, db, "statistics", "timeOfCapture", `timeOfCapture < `+db.SecondsAgo(), age)
	if err != nil {
		return n, fmt.Errorf("prune statistics: %w", err)
	}
	// An hour of which rows are left stays, with the sums of all it had.
	_, err = database.Exec(ctx, db, `DELETE FROM statisticsHours WHERE hour < `+db.SecondsAgo(), age+3600)
	if err != nil && !database.IsNoTable(err) {
		return n, fmt.Errorf("prune statistics: %w", err)
	}
	return n, nil
}
