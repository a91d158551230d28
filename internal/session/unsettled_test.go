package session_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-sql-driver/mysql"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/service/servicetest"
)

// An outage begins with the first statement that has a text, or with its commit.
type outage struct {
	r     *databasetest.Recorder
	away  atomic.Bool
	begun atomic.Bool
}

func (o *outage) answer() error {
	if o.away.Load() {
		return mysql.ErrInvalidConn
	}
	return nil
}

// before has the statement not reach the database, nor what comes later.
func (o *outage) before(text string) {
	o.r.Before(func(query string, _ []any) error {
		if strings.Contains(query, text) && o.begun.CompareAndSwap(false, true) {
			o.away.Store(true)
		}
		return o.answer()
	})
}

// after has the statement committed, and its answer lost; and if it lasts, what comes
// later not reach the database.
func (o *outage) after(text string, lasts bool) {
	o.r.Before(func(query string, _ []any) error {
		if strings.Contains(query, text) && o.begun.CompareAndSwap(false, true) {
			o.r.Committed(func() error {
				o.away.Store(lasts)
				return mysql.ErrInvalidConn
			})
		}
		return o.answer()
	})
}

func (o *outage) end() { o.away.Store(false) }

func eachWithOutage(t *testing.T, fn func(*testing.T, *servicetest.Kit, *outage)) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{})
		k.Pool.AwaitFirstCheck(t.Context())
		fn(t, k, &outage{r: databasetest.Record(t, k.DB)})
	})
}

const (
	confirming = "SET state = 'running'"
	warming    = "SET state = 'warm'"
	stopping   = "SET state = 'stopping'"
	claiming   = "INSERT INTO sessions"
)

// TestLostAnswerIsLookedUp: the row says whether a change was made.
func TestLostAnswerIsLookedUp(t *testing.T) {
	eachWithOutage(t, func(t *testing.T, k *servicetest.Kit, o *outage) {
		o.after(confirming, false)
		mustAllocate(t, k, amiga, true)
		wantRows(t, k, "running:1")
		wantContainers(t, k, 1)
		again := &outage{r: o.r}
		again.after(stopping, false)
		must(t, k.Sessions.Stop(t.Context(), amiga))
		wantRows(t, k, "")
		wantContainers(t, k, 0)
		if !o.begun.Load() || !again.begun.Load() {
			t.Error("no answer was lost")
		}
	})
}

// TestStartIsSettledWhenTheDatabaseIsBack: who was refused since the database did not
// answer need not wait until the start is overdue.
func TestStartIsSettledWhenTheDatabaseIsBack(t *testing.T) {
	for name, begin := range map[string]func(*outage){
		"before the claim is answered": func(o *outage) { o.after(claiming, true) },
		"before it runs":               func(o *outage) { o.before(confirming) },
	} {
		t.Run(name, func(t *testing.T) {
			eachWithOutage(t, func(t *testing.T, k *servicetest.Kit, o *outage) {
				begin(o)
				if _, _, err := k.Sessions.Allocate(t.Context(), amiga, false); !database.IsUnavailable(err) || isFull(err, "") {
					t.Errorf("Allocate = %v, want that the database does not answer", err)
				}
				o.end()
				mustAllocate(t, k, amiga, true) // waits, but not for START_TIMEOUT
				wantRows(t, k, "running:1")
				wantContainers(t, k, 1)
			})
		})
	}
}

// TestConfirmedSessionIsKept: its client was told that the database does not answer, and
// gets it when it asks again.
func TestConfirmedSessionIsKept(t *testing.T) {
	eachWithOutage(t, func(t *testing.T, k *servicetest.Kit, o *outage) {
		o.after(confirming, true)
		if _, _, err := k.Sessions.Allocate(t.Context(), amiga, false); !database.IsUnavailable(err) {
			t.Errorf("Allocate = %v, want that the database does not answer", err)
		}
		wantContainers(t, k, 1)
		o.end()
		mustAllocate(t, k, amiga, false)
		wantRows(t, k, "running:1")
		wantContainers(t, k, 1)
	})
}

// TestWarmUpIsSettledWhenTheDatabaseIsBack: else it would hold its slot until it is overdue.
func TestWarmUpIsSettledWhenTheDatabaseIsBack(t *testing.T) {
	eachWithOutage(t, func(t *testing.T, k *servicetest.Kit, o *outage) {
		o.before(warming)
		if _, err := k.Sessions.StartWarm(t.Context(), "host0", false, 1); !database.IsUnavailable(err) {
			t.Errorf("StartWarm = %v, want that the database does not answer", err)
		}
		o.end()
		eventually(t, "the warm-up is rolled back", func() bool { return rows(t, k) == "" })
		wantContainers(t, k, 0)
	})
}
