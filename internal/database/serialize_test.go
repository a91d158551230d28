package database_test

import (
	"fmt"
	"strings"
	"testing"

	"wrpdistributor/internal/database"
)

const (
	ours    = 201 // rows, more than one statement takes
	oursEnd = "timeOfCapture=2025-01-15 14:00:00 uniqueClientIps=5 \n"
)

// writeOurs adds rows of statistics as the service writes them, and one that somebody
// has spoilt.
func writeOurs(t *testing.T, db *database.DB) {
	t.Helper()
	const row = `(1, 2, 3, 4, ?, '2025-01-15 12:00:00', 5)`
	args := []any{`{}`, `{"b.example:2222":3,"a.example":12}`, `{"a.ex`}
	for i := len(args); i < ours; i++ {
		args = append(args, fmt.Sprintf(`{"a.example":%d}`, i))
	}
	mustExec(t, db, `INSERT INTO statistics (activeSessions, containersRunningTotal, remainingContainersTotal, containerHostsAvailable,
			containersInUsePerHost, timeOfCapture, uniqueClientIps) VALUES `+row+strings.Repeat(", "+row, ours-1), args...)
}

// oursSerialized is what the original finds of them.
func oursSerialized() string {
	var out strings.Builder
	for i := range ours {
		perHost := fmt.Sprintf(`a:1:{s:9:"a.example";i:%d;}`, i)
		switch i {
		case 0:
			perHost = `a:0:{}`
		case 1:
			perHost = `a:2:{s:9:"a.example";i:12;s:14:"b.example:2222";i:3;}`
		case 2:
			perHost = `{"a.ex`
		}
		fmt.Fprintf(&out, "id=%d activeSessions=1 containersRunningTotal=2 remainingContainersTotal=3 containerHostsAvailable=4 containersInUsePerHost=%s %s", 8+i, perHost, oursEnd)
	}
	return out.String()
}
