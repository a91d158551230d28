package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/journal"
)

const (
	journalDay   = 150_000 // entries of a day: a third of them starts, a sixth refusals
	journalBlock = 500     // entries that one statement writes
)

// journalReads are what the dashboard counts of a day.
func journalReads() []read {
	return []read{{"starts and refusals", func(ctx context.Context, db *database.DB) error {
		_, err := journal.Count(ctx, db, time.Now().Add(-24*time.Hour))
		return err
	}}}
}

// entry returns the kind and the detail of one entry of a day.
func entry(i int) (kind, detail string) {
	switch i % 6 {
	case 0, 1:
		return "started", fmt.Sprintf(`{"port":%d,"warm":true,"allMs":%d,"took":{"claimMs":3,"createMs":210,"startMs":320,"readyMs":690}}`, 9000+i%100, i%5000)
	case 2:
		return "refused", fmt.Sprintf(`{"why":"no host takes a container; host-%02d.example: full 20/20","hosts":[{"host":"host-%02d.example","more":9,"why":"full 20/20"}],"retrySeconds":30}`, i%50, i%50)
	case 3, 4:
		return "claimed", `{"slot":3,"port":9093}`
	}
	return "ended", `{"why":"not used","state":"running","began":"2026-11-26T12:00:00Z"}`
}

// fillJournal writes so many entries of the last day, and their sums.
func fillJournal(ctx context.Context, db *database.DB, entries int) error {
	sums := make(journalSums)
	for from := 0; from < entries; from += journalBlock {
		var args []any
		n := min(journalBlock, entries-from)
		for i := from; i < from+n; i++ {
			kind, detail := entry(i)
			noted := time.Now().Add(-23 * time.Hour * time.Duration(entries-i) / time.Duration(entries)).UTC()
			at := noted.Format("2006-01-02 15:04:05.000")
			sums.add(noted, kind, detail)
			args = append(args, i, kind, at, at, i, detail)
		}
		const row = `('bench', ?, 'distributor', ?, ?, ?, 1, 'ABCDEFGHIJ', '', ?, 'host-01.example', '192.0.2.1', '1a2b3c4d', ?)`
		_, err := db.ExecContext(ctx, `INSERT INTO journal (process, number, program, kind, firstAt, lastAt, times, request, requests, sessionId, containerHost, clientIp, clientHash, detail)
			VALUES `+row+strings.Repeat(", "+row, n-1), args...)
		if err != nil {
			return err
		}
	}
	return sums.write(ctx, db)
}

// journalSums are what a process counts of five minutes, by their beginning.
type journalSums map[time.Time]*journalSum

type journalSum struct {
	waits   map[int]int
	reasons map[string]int
	refused int
}

func (s journalSums) add(at time.Time, kind, detail string) {
	began := at.Truncate(5 * time.Minute)
	if s[began] == nil {
		s[began] = &journalSum{waits: make(map[int]int), reasons: make(map[string]int)}
	}
	var d struct {
		All int    `json:"allMs"`
		Why string `json:"why"`
	}
	_ = json.Unmarshal([]byte(detail), &d)
	switch kind {
	case "started":
		s[began].waits[d.All-d.All%10]++
	case "refused":
		s[began].refused++
		s[began].reasons[d.Why]++
	}
}

func (s journalSums) write(ctx context.Context, db *database.DB) error {
	for began, sum := range s {
		var waits strings.Builder
		for took, n := range sum.waits {
			fmt.Fprintf(&waits, "%d:%d ", took, n)
		}
		reasons, _ := json.Marshal(sum.reasons)
		_, err := db.ExecContext(ctx, `INSERT INTO journalSums (process, began, warm, refused, waits, reasons) VALUES ('bench', ?, 0, ?, ?, ?)`,
			began.Format("2006-01-02 15:04:05.000"), sum.refused, waits.String(), string(reasons))
		if err != nil {
			return err
		}
	}
	return nil
}
