package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/sync/errgroup"
)

const (
	portalPassword = "tulip-anvil-42"
	knownName      = "known" // who has a session, with a device of that name
	knownDevice    = knownName + "/pc"

	loginsAtOnce = 16
	loginsEach   = 2    // of one of these, each round
	waitersMost  = 1000 // browsers that wait for a session
	addsMost     = 0.1  // ms, to a request of somebody who is known
)

// A portalLoad is people's browsers at the gateway of a pool that is full, once one of
// them has a session.
type portalLoad struct {
	*world
	waiters int
	ways    []*portalWay

	logins, bare rates
	looks        rates   // of those who wait
	memory       samples // MB, before anybody waits
	gone, kept   samples // MB, while they wait, without and with a connection each
}

// A portalWay is how a request for one session says whose it is.
type portalWay struct {
	name   string
	header string
	took   samples
}

// measurePortal measures what the portal adds to requests of people who are known, what
// passwords cost, and those who wait.
func (b *bench) measurePortal(t *testing.T) {
	for _, dialect := range dialects() {
		p := b.newPortalLoad(t, dialect)
		err := b.repeatRounds(func(round int) error {
			return errors.Join(p.measureWays(), p.measureLogins(round), p.measureLooks())
		})
		if err == nil {
			err = p.measureWaiting()
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, tail(p.proc.Output()))
		}
		p.report(&b.report)
		p.end()
	}
}

// newPortalLoad fills all places but one, and has a person take that.
func (b *bench) newPortalLoad(t *testing.T, dialect string) *portalLoad {
	t.Helper()
	const places = 8
	p := &portalLoad{waiters: b.scaled(waitersMost)}
	p.world = b.newWorld(t, plan{dialect: dialect, hosts: 1, perHost: places, sessions: places - 1, gateway: true, env: []string{"PORTAL=accounts"}})
	p.importAccounts()
	p.serve()
	p.browse()
	var token string
	if err := p.db.GetContext(b.ctx, &token, `SELECT token FROM sessions WHERE account = ?`, knownName); err != nil {
		t.Fatal(err)
	}
	cookie, err := p.logIn()
	if err != nil {
		t.Fatal(err)
	}
	p.ways = []*portalWay{
		{name: "token", header: "Bearer: " + token}, {name: "name and password", header: basicHeader(knownDevice)}, {name: "cookie", header: "Cookie: " + cookie},
	}
	return p
}

// measureWays asks for the same page in each way, in turn, on kept connections.
func (p *portalLoad) measureWays() error {
	visitors := make([]*visitor, len(p.ways))
	for i := range visitors {
		v, err := newVisitor(p.b.ctx, p.through)
		if err != nil {
			return err
		}
		defer v.close()
		visitors[i] = v
	}
	for n := range requests + 1 {
		for i, w := range p.ways {
			begun := time.Now()
			code, body, err := visitors[i].do(browserRequest("/", w.header))
			if err != nil || code != http.StatusOK || isPortalPage(body) {
				return fmt.Errorf("by %s: %d %.200q, %w", w.name, code, body, err)
			}
			if n > 0 { // the first ones make what is kept
				w.took.add(time.Since(begun))
			}
		}
	}
	return nil
}

// measureLogins has people give passwords who have not come before, and compares hashes
// without the service.
func (p *portalLoad) measureLogins(round int) error {
	err := p.eachOnce(&p.logins, func(i int) error {
		code, body, err := p.ask(browserRequest("/~/", basicHeader(loginName(round, i))))
		if err != nil || code != http.StatusOK {
			return fmt.Errorf("log in: %d %.200q, %w", code, body, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(portalPassword), bcrypt.DefaultCost)
	if err != nil {
		return err
	}
	return p.eachOnce(&p.bare, func(int) error { return bcrypt.CompareHashAndPassword(hash, []byte(portalPassword)) })
}

// eachOnce does something once for each of those who log in.
func (p *portalLoad) eachOnce(to *rates, do func(i int) error) error {
	times := make([]samples, loginsAtOnce)
	begun := time.Now()
	var g errgroup.Group
	for who := range loginsAtOnce {
		g.Go(func() error {
			for n := range loginsEach {
				before := time.Now()
				if err := do(who*loginsEach + n); err != nil {
					return err
				}
				times[who].add(time.Since(before))
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	to.add(flat(times), time.Since(begun))
	return nil
}

func flat(lists []samples) (all samples) {
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

// measureLooks has some of those who wait look again and again.
func (p *portalLoad) measureLooks() error {
	n := min(startersAtOnce, p.waiters)
	_, err := p.b.repeat(&p.looks, n, func(_ context.Context, who, _ int) error { return p.look(who, p.ask) })
	return err
}

// look has one browser look whether there is a session for it.
func (p *portalLoad) look(who int, ask func([]byte) (int, []byte, error)) error {
	code, body, err := ask(browserRequest("/", basicHeader(waiterName(who))))
	if err != nil || code != http.StatusOK || !strings.Contains(string(body), "in use at the moment") {
		return fmt.Errorf("%s does not wait: %d %.300q, %w", waiterName(who), code, body, err)
	}
	return nil
}

// measureWaiting has all browsers wait, and measures what they cost in memory.
func (p *portalLoad) measureWaiting() error {
	if err := p.weigh(&p.memory); err != nil {
		return err
	}
	for who := range p.waiters {
		if err := p.look(who, p.ask); err != nil {
			return err
		}
	}
	if err := p.weigh(&p.gone); err != nil {
		return err
	}
	for who := range p.waiters {
		v, err := newVisitor(p.b.ctx, p.through)
		if err != nil {
			return err
		}
		defer v.close()
		if err := p.look(who, v.do); err != nil {
			return err
		}
	}
	return p.weigh(&p.kept)
}

func (p *portalLoad) weigh(to *samples) error {
	n, err := memoryOf(p.proc.PID(), "VmRSS")
	*to = append(*to, n)
	return err
}

func (p *portalLoad) report(r *report) {
	for _, w := range p.ways {
		r.row(fmt.Sprintf("known by %s, %s", w.name, p.dialect), "ms", w.took)
	}
	p.logins.report(r, "new passwords, "+p.dialect)
	r.row("bare bcrypt, beside "+p.dialect, "/s", p.bare.rate)
	p.looks.report(r, "looks of who waits, "+p.dialect)
	waiting := fmt.Sprintf("memory, %s, %s", p.dialect, count(p.waiters, "browsers wait"))
	r.row("memory, "+p.dialect+", nobody waits", "MB", p.memory)
	r.row(waiting, "MB", p.gone)
	r.row(waiting+", connected", "MB", p.kept)
	for _, w := range p.ways[1:] {
		r.atMost(fmt.Sprintf("the portal adds, by %s, %s", w.name, p.dialect), w.took.median()-p.ways[0].took.median(), addsMost, "ms")
	}
	r.ratio("new passwords, "+p.dialect+" / bare bcrypt", p.logins.rate.median()/p.bare.rate.median())
	each := func(of samples) float64 { return (of.median() - p.memory.median()) * 1000 / float64(p.waiters) }
	r.ratio("memory, "+p.dialect+", kB for each browser that waits", each(p.gone))
	r.ratio("memory, "+p.dialect+", kB for each that is connected", each(p.kept))
}

func portalLines(dialect string) []string {
	return []string{
		"known by token, " + dialect, "known by name and password, " + dialect, "known by cookie, " + dialect,
		"the portal adds, by name and password, " + dialect, "the portal adds, by cookie, " + dialect,
		"new passwords, " + dialect + " / bare bcrypt", "looks of who waits, " + dialect,
		"memory, " + dialect + ", kB for each browser that waits", "memory, " + dialect + ", kB for each that is connected",
	}
}
