package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/statistics"
)

const (
	statisticsHosts = 50
	statisticsRows  = 2 * 365 * 24 * 60 // a row a minute
	statisticsBlock = 1 << 13           // rows that one statement copies
)

// A read is something that pages read.
type read struct {
	name string
	do   func(context.Context, *database.DB) error
}

// reads are those of a page about everything, in the order of the report.
func reads() []read {
	points := func(name string, of statistics.Span) read {
		return read{name, func(ctx context.Context, db *database.DB) error {
			_, err := statistics.Points(ctx, db, of)
			return err
		}}
	}
	return append(journalReads(),
		points("24 hours", statistics.Day()),
		points("7 days", statistics.Week()),
		points("30 days", statistics.Month()),
		read{"years, months and days", func(ctx context.Context, db *database.DB) error {
			_, err := statistics.ReadHistory(ctx, db)
			return err
		}},
	)
}

// measureStatistics measures what a page about two years of minutes reads, each part of
// it and all together.
func (b *bench) measureStatistics(t *testing.T) {
	for _, dialect := range dialects() {
		cfg := b.database(t, dialect)
		if cfg.MySQL != nil {
			cfg.MySQL.ReadTimeout = time.Minute // a disk that is being filled may be slow
		}
		db := databasetest.Open(t, cfg)
		began := time.Now()
		if err := fillStatistics(b.ctx, db, b.scaled(statisticsRows)); err != nil {
			t.Fatal(err)
		}
		if err := fillJournal(b.ctx, db, b.scaled(journalDay)); err != nil {
			t.Fatal(err)
		}
		b.say("statistics, %s: %d rows written in %s\n", dialect, b.scaled(statisticsRows), time.Since(began).Round(time.Second))
		parts, all, writes := make(map[string]*samples), new(samples), new(samples)
		for _, r := range reads() {
			parts[r.name] = new(samples)
		}
		err := b.repeatRounds(func(int) error { return measureReads(b.ctx, db, parts, all, writes) })
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range reads() {
			b.report.row(fmt.Sprintf("statistics, %s: %s", dialect, r.name), "ms", *parts[r.name])
		}
		b.report.row("statistics, "+dialect+": all of these", "ms", *all)
		b.report.row("statistics, "+dialect+": a minute written", "ms", *writes)
		b.report.atMost("statistics, "+dialect+", all of these", all.median(), 100, "ms")
	}
}

func measureReads(ctx context.Context, db *database.DB, parts map[string]*samples, all, writes *samples) error {
	if _, err := db.ExecContext(ctx, `DELETE FROM statistics WHERE timeOfCapture >= `+db.Minute(db.Now())); err != nil {
		return err
	}
	began := time.Now()
	sample := statistics.Sample{Sessions: 100, Hosts: statisticsHosts, PerHost: perHost(0)}
	if err := errors.Join(statistics.Write(ctx, db, sample), statistics.SumUp(ctx, db)); err != nil {
		return err
	}
	writes.add(time.Since(began))
	whole := time.Now()
	for _, r := range reads() {
		began := time.Now()
		if err := r.do(ctx, db); err != nil {
			return err
		}
		parts[r.name].add(time.Since(began))
	}
	all.add(time.Since(whole))
	return nil
}

func perHost(i int) map[string]int {
	m := make(map[string]int)
	for h := range statisticsHosts {
		m[fmt.Sprintf("host-%02d.example", h)] = (i + h) % 20
	}
	return m
}

// fillStatistics writes so many rows, a minute apart, the last one for now: some, and
// then copies of what there is.
func fillStatistics(ctx context.Context, db *database.DB, rows int) error {
	for i := range 16 {
		text, _ := json.Marshal(perHost(i))
		_, err := db.ExecContext(ctx, `INSERT INTO statistics (activeSessions, containersRunningTotal, remainingContainersTotal, containerHostsAvailable, uniqueClientIps, containersInUsePerHost, timeOfCapture)
			VALUES (?, ?, ?, 50, ?, ?, `+db.SecondsAgo()+`)`, 400+i, 420+i, 600-i, 300+i, text, (rows-i)*60)
		if err != nil {
			return err
		}
	}
	later := `timeOfCapture + INTERVAL ? MINUTE`
	if db.DriverName() != "mysql" {
		later = `datetime(timeOfCapture, '+' || ? || ' minutes')`
	}
	for n := 16; n < rows; n += min(n, statisticsBlock, rows-n) {
		var last int64 // that is copied; a LIMIT in the copying statement has MariaDB read all rows
		err := db.GetContext(ctx, &last, `SELECT id FROM statistics ORDER BY id LIMIT 1 OFFSET ?`, min(n, statisticsBlock, rows-n)-1)
		if err != nil {
			return err
		}
		_, err = db.ExecContext(ctx, `INSERT INTO statistics (activeSessions, containersRunningTotal, remainingContainersTotal, containerHostsAvailable, uniqueClientIps, containersInUsePerHost, timeOfCapture)
			SELECT activeSessions, containersRunningTotal, remainingContainersTotal, containerHostsAvailable, uniqueClientIps, containersInUsePerHost, `+later+`
			FROM statistics WHERE id <= ? ORDER BY id`, n, last)
		if err != nil {
			return err
		}
	}
	return sumAllUp(ctx, db)
}

// sumAllUp repeats what a service does each minute.
func sumAllUp(ctx context.Context, db *database.DB) error {
	for began := time.Now(); time.Since(began) < 10*time.Minute; {
		var missing int
		err := db.GetContext(ctx, &missing, `SELECT COUNT(*) - (SELECT COALESCE(SUM(samples), 0) FROM statisticsHours) FROM statistics`)
		if err != nil || missing == 0 {
			return err
		}
		if err := statistics.SumUp(ctx, db); err != nil {
			return err
		}
	}
	return errors.New("the sums take too long")
}

func statisticsLines(dialect string) []string {
	lines := []string{"statistics, " + dialect + ": all of these", "statistics, " + dialect + ": a minute written", "statistics, " + dialect + ", all of these"}
	for _, r := range reads() {
		lines = append(lines, fmt.Sprintf("statistics, %s: %s", dialect, r.name))
	}
	return lines
}
