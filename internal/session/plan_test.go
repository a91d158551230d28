package session

import (
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"

	"wrpdistributor/internal/database/databasetest"
)

// TestFewGatewaySessionsAreFoundByIndex: among thousands, on a database that has an index
// on the state too.
func TestFewGatewaySessionsAreFoundByIndex(t *testing.T) {
	db := databasetest.New(t)
	_, err := db.ExecContext(t.Context(), `CREATE INDEX IF NOT EXISTS state ON sessions (state)`)
	if err != nil {
		t.Fatal(err)
	}
	for _, column := range []string{"id", "token"} {
		query, args, err := sqlx.In(`EXPLAIN QUERY PLAN SELECT * FROM sessions WHERE `+runningGateway+` AND `+column+` IN (?)`, make([]int64, 500))
		if err != nil {
			t.Fatal(err)
		}
		var plan []struct {
			ID, Parent, NotUsed int
			Detail              string
		}
		if err := db.SelectContext(t.Context(), &plan, query, args...); err != nil {
			t.Fatal(err)
		}
		if by := map[string]string{"id": "(rowid=?)", "token": "(token=?)"}[column]; len(plan) != 1 || !strings.Contains(plan[0].Detail, by) {
			t.Errorf("by %s: %+v, want %s", column, plan, by)
		}
	}
}
