package statistics

import (
	"context"
	"fmt"
	"time"

	"wrpdistributor/internal/database"
)

// A History is what is known of long times, day by day. It is read at once: whatever is
// about years reads all hours.
type History struct {
	Years  []Point // of [TwoYears]
	Days   []Point // of [Days]
	Months []Monthly
	Total  Totals
}

// A Monthly is a month, such as 2026-11, by UTC.
type Monthly struct {
	Month string
	Average
}

// Totals are about all that is known.
type Totals struct {
	Since time.Time // zero: nothing is
	Average
}

const mostMonths = 24

// ReadHistory returns it, all lists oldest first, of months the last 24.
func ReadHistory(ctx context.Context, db *database.DB) (h History, err error) {
	var now int64
	var days []sums
	err = db.GetContext(ctx, &now, `SELECT `+db.Epoch(db.Now()))
	if err == nil {
		// In this way a day costs SQLite a tenth of what it costs as a number.
		err = db.SelectContext(ctx, &days, `
			SELECT * FROM (
				SELECT `+db.Epoch("first")+` AS at, day, `+summed+`
				FROM (SELECT SUBSTR(hour, 1, 10) AS day, MIN(hour) AS first, `+ofHours+` WHERE `+soundHour+` GROUP BY day) AS days
			) AS known WHERE at IS NOT NULL ORDER BY day`)
	}
	if err != nil {
		return History{}, fmt.Errorf("read statistics: %w", err)
	}
	for _, m := range merge(days, func(d sums) string { return d.Day[:len("2026-11")] }) {
		h.Months = append(h.Months, Monthly{m.Day[:len("2026-11")], m.average()})
	}
	h.Months = h.Months[max(0, len(h.Months)-mostMonths):]
	for _, all := range merge(days, func(sums) bool { return true }) {
		h.Total = Totals{Since: time.Unix(all.At, 0).UTC(), Average: all.average()}
	}
	h.Years, h.Days = steps(days, twoYears, now), steps(days, monthly, now)
	return h, nil
}

// steps returns the steps, of whole days, of a span that ends now.
func steps(days []sums, of Span, now int64) (points []Point) {
	const day = 24 * 60 * 60
	first := (now - int64(of.Length/time.Second)) / day
	for len(days) > 0 && days[0].At/day < first {
		days = days[1:]
	}
	step := int64(of.Step / time.Second)
	for _, s := range merge(days, func(d sums) int64 { return d.At / step }) {
		points = append(points, Point{At: time.Unix(s.At/step*step, 0).UTC(), Average: s.average()})
	}
	return points
}

// merge makes one of those that follow each other and have the same key.
func merge[K comparable](days []sums, key func(sums) K) (merged []sums) {
	for i, d := range days {
		if i == 0 || key(d) != key(days[i-1]) {
			merged = append(merged, d)
			continue
		}
		merged[len(merged)-1].add(d)
	}
	return merged
}

func (s *sums) add(o sums) {
	s.Samples += o.Samples
	s.Sessions += o.Sessions
	s.Containers += o.Containers
	s.Remaining += o.Remaining
	s.Hosts += o.Hosts
	s.Clients += o.Clients
	s.MostSessions = max(s.MostSessions, o.MostSessions)
	s.MostClients = max(s.MostClients, o.MostClients)
}
