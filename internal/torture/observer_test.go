package torture

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jmoiron/sqlx"
)

const (
	readingPause = 250 * time.Millisecond
	slowPause    = 1500 * time.Millisecond // where a look is expensive
	confirmSlack = 1500 * time.Millisecond // around a time that the database knows in whole seconds
	patienceSQL  = 2 * time.Second         // with a database that may be frozen
)

// An observer looks at everything and touches nothing, except when it makes
// time pass for rows. It is safe for concurrent use.
type observer struct {
	db     *sqlx.DB
	hosts  []host
	ledger *ledger
	judge  *judge // of run alone

	mu      sync.Mutex // guards foreign
	foreign []foreignContainer
}

func newObserver(l *ledger, server *mysql.Config, hosts []host, limits []int, exact bool) (*observer, error) {
	cfg := server.Clone()
	cfg.ParseTime, cfg.Loc, cfg.Logger = true, time.UTC, &mysql.NopLogger{}
	cfg.Timeout, cfg.ReadTimeout, cfg.WriteTimeout = patienceSQL, patienceSQL, patienceSQL
	cfg.InterpolateParams = true
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	o := &observer{db: sqlx.NewDb(sql.OpenDB(connector), "mysql"), hosts: hosts, ledger: l}
	o.judge = &judge{
		limits: make(map[string]int), exact: exact, killed: l.wasKilled,
		disturbed: func(at time.Time) bool {
			since := at.Sub(l.began)
			return l.disturbed(since-confirmSlack, since+confirmSlack)
		},
	}
	for i, h := range hosts {
		o.judge.limits[h.Entry().Name] = limits[i]
	}
	return o, nil
}

// learn reads the database's name for itself, once there are tables.
func (o *observer) learn(ctx context.Context) error {
	return o.db.GetContext(ctx, &o.judge.databaseID, `SELECT databaseId FROM pool`)
}

// run reads and judges until ctx is done.
func (o *observer) run(ctx context.Context) {
	pause := readingPause
	if !o.judge.exact {
		pause = slowPause
	}
	tick := time.NewTicker(pause)
	defer tick.Stop()
	said := make(map[string]bool)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		r := o.read(ctx)
		if ctx.Err() != nil {
			return
		}
		o.ledger.count("readings", map[bool]string{true: "complete", false: "without the database"}[r.rows])
		for _, f := range o.judge.judge(r) {
			if !said[f.key] {
				said[f.key] = true
				o.ledger.violation(f.rule, f.about, "%s", f.text)
			}
		}
	}
}

func (o *observer) read(ctx context.Context) reading {
	r := reading{at: time.Now(), containers: make(map[string][]container), foreign: o.allForeign()}
	var errBefore, errAfter error
	r.before, errBefore = o.rows(ctx)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, h := range o.hosts {
		wg.Go(func() {
			if list, err := h.Look(); err == nil {
				mu.Lock()
				defer mu.Unlock()
				r.containers[h.Entry().Name] = list
			}
		})
	}
	wg.Wait()
	if errBefore == nil {
		r.after, errAfter = o.rows(ctx)
	}
	r.rows = errBefore == nil && errAfter == nil
	return r
}

func (o *observer) rows(ctx context.Context) ([]row, error) {
	ctx, cancel := context.WithTimeout(ctx, patienceSQL)
	defer cancel()
	var list []row
	asked := o.ledger.now()
	err := o.db.SelectContext(ctx, &list, `
		SELECT id, state, containerHost, slot, port, COALESCE(token, '') AS token,
			COALESCE(wrpContainerId, '') AS wrpContainerId, COALESCE(HEX(identity), '') AS identity, started, frozen, account, clientUserAgent
		FROM sessions ORDER BY id`)
	for _, s := range list {
		o.ledger.noteRow(s)
	}
	if err == nil {
		o.ledger.settle(asked, list)
	}
	return list, err
}

// allForeign returns the foreign containers.
func (o *observer) allForeign() []foreignContainer {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]foreignContainer{}, o.foreign...)
}

// addForeign puts a foreign container on a host; it must run from then on.
func (o *observer) addForeign(h host, name string, labels map[string]string, port int) error {
	id, err := h.Foreign(name, labels, port)
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.foreign = append(o.foreign, foreignContainer{h.Entry().Name, id, name, port})
	return nil
}

// ours returns all containers of ours on all hosts, by host. All hosts must be
// well.
func (o *observer) ours() (map[string][]container, error) {
	found := make(map[string][]container)
	for _, h := range o.hosts {
		list, err := h.Look()
		if err != nil {
			return nil, fmt.Errorf("look at %s: %w", h.Entry().Name, err)
		}
		for _, c := range list {
			if c.DatabaseID == o.judge.databaseID {
				found[h.Entry().Name] = append(found[h.Entry().Name], c)
			}
		}
	}
	return found, nil
}

// justUsed reports whether the table says that a session runs and was used since
// it was made to look unused.
func (o *observer) justUsed(ctx context.Context, token string) (used bool, err error) {
	var n int
	err = o.db.GetContext(ctx, &n, `
		SELECT COUNT(*) FROM sessions WHERE token = ? AND state = 'running' AND lastUsed > UTC_TIMESTAMP() - INTERVAL ? SECOND`, token, unused-1)
	return n == 1, err
}

// age makes sessions look as if nobody had used them for eleven minutes, and
// returns how many of them still ran.
func (o *observer) age(ctx context.Context, recs ...*record) (int64, error) {
	done := o.ledger.noteAged(recs...)
	defer done()
	var tokens []string
	for _, rec := range recs {
		tokens = append(tokens, rec.token)
	}
	query, args, err := sqlx.In(`UPDATE sessions SET lastUsed = UTC_TIMESTAMP() - INTERVAL 11 MINUTE WHERE state = 'running' AND token IN (?)`, tokens)
	if err != nil {
		return 0, err
	}
	res, err := o.db.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// expire lets the start timeout pass for sessions that nobody starts any more.
func (o *observer) expire(ctx context.Context) error {
	_, err := o.db.ExecContext(ctx, `UPDATE sessions SET started = started - INTERVAL ? SECOND WHERE state NOT IN ('running', 'warm')`, int(startTimeout/time.Second))
	return err
}
