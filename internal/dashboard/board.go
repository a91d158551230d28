package dashboard

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/journal"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/reminder"
	"wrpdistributor/internal/statistics"
)

const (
	fresh    = time.Second      // for so long all get the same page
	stays    = 30 * time.Second // the past, of which there is something new once a minute
	lookTime = 10 * time.Second // for one page, whoever waits for it

	lookedBack  = 24 * time.Hour
	mostReasons = 8

	away = "Not known: the database does not answer."
)

// A Board draws the page of what is now, once a second for all who ask.
type Board struct {
	Status  func(context.Context) (operator.Status, error)
	Hosts   func(context.Context) (operator.Hosts, error)
	DB      *database.DB
	Aliases Aliases // of hosts, on the page for everybody
	Version string
	Log     *slog.Logger

	mu    sync.Mutex // held while somebody draws, so that the others have what is drawn
	at    time.Time
	pages [2][]byte // for operators, for all

	past   Past
	pastAt time.Time // it was read

	starts    journal.Waits
	refusals  Refusals
	countedAt time.Time // these two were

	trouble reminder.Trouble // something cannot be found out
}

// HTML returns the page, for operators or for everybody.
func (b *Board) HTML(ctx context.Context, forAll bool) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Since(b.at) > fresh {
		// Who asked first may be gone; the others wait for it as well.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTime)
		defer cancel()
		p := b.look(ctx)
		own, err := Render(p)
		if err != nil {
			return nil, err
		}
		all, err := Render(p.ForAll(b.Aliases))
		if err != nil {
			return nil, err
		}
		b.at, b.pages = time.Now(), [2][]byte{own, all}
	}
	if forAll {
		return b.pages[1], nil
	}
	return b.pages[0], nil
}

// look finds out what is shown. What cannot be found out is said on the page: it is most
// wanted when something is wrong.
func (b *Board) look(ctx context.Context) Page {
	p := Page{At: time.Now(), Version: b.Version}
	err := b.lookNow(ctx, &p)
	if err != nil {
		p.Trouble = cmp.Or(p.Status.Sentence, "Nobody knows whether a client gets a session: the database does not answer.")
		p.Unwritten, p.Missing = away, away
	} else {
		err = b.lookPast(ctx, &p)
	}
	switch {
	case err == nil && b.trouble.Over():
		b.Log.InfoContext(ctx, "dashboard is complete again")
	case err != nil && b.trouble.Due(err):
		b.Log.WarnContext(ctx, "dashboard is incomplete", "err", err)
	}
	return p
}

func (b *Board) lookNow(ctx context.Context, p *Page) (err error) {
	if p.Status, err = b.Status(ctx); err != nil {
		return err
	}
	all, err := b.Hosts(ctx)
	if err != nil {
		p.Status = operator.Status{} // it was before the database went away
	}
	p.Hosts = all.Hosts
	return err
}

// lookPast reads on a connection of its own: on SQLite requests would wait for the other.
func (b *Board) lookPast(ctx context.Context, p *Page) error {
	db, err := b.DB.Aside()
	if err != nil {
		p.Unwritten, p.Missing = away, away
		return err
	}
	defer db.Close()
	var noJournal, noStatistics error
	if time.Since(b.countedAt) > stays {
		if b.starts, b.refusals, noJournal = lookBack(ctx, db, p.At); noJournal == nil {
			b.countedAt = p.At
		}
	}
	if p.Starts, p.Refusals = b.starts, b.refusals; noJournal != nil {
		p.Unwritten = "Not known: the journal could not be read."
	}
	if time.Since(b.pastAt) > stays {
		if b.past, noStatistics = past(ctx, db); noStatistics == nil {
			b.pastAt = p.At
		}
	}
	if p.Past = b.past; noStatistics != nil {
		p.Missing = "Not known: the statistics could not be read."
	}
	return errors.Join(noJournal, noStatistics)
}

func past(ctx context.Context, db *database.DB) (p Past, err error) {
	var errs []error
	for _, r := range []struct {
		of   statistics.Span
		into *[]statistics.Point
	}{
		{statistics.Day(), &p.Day}, {statistics.Week(), &p.Week}, {statistics.Month(), &p.Month},
	} {
		*r.into, err = statistics.Points(ctx, db, r.of)
		errs = append(errs, err)
	}
	p.History, err = statistics.ReadHistory(ctx, db)
	return p, errors.Join(append(errs, err)...)
}

// lookBack counts what the journal has of starts and refusals.
func lookBack(ctx context.Context, db *database.DB, now time.Time) (journal.Waits, Refusals, error) {
	c, err := journal.Count(ctx, db, now.Add(-lookedBack))
	if err != nil {
		return journal.Waits{}, Refusals{}, err
	}
	return c.Starts, Refusals{c.Refused, c.Refusals[:min(mostReasons, len(c.Refusals))]}.withRest(), nil
}

// withRest has what is not among the reasons as the last of them.
func (r Refusals) withRest() Refusals {
	rest := r.Times
	for _, o := range r.Reasons {
		rest -= o.Times
	}
	if rest > 0 {
		shown := r.Reasons[:max(0, len(r.Reasons)-1)]
		for _, o := range r.Reasons[len(shown):] {
			rest += o.Times
		}
		r.Reasons = append(slices.Clone(shown), journal.Refusals{Why: "other reasons", Times: rest})
	}
	return r
}
