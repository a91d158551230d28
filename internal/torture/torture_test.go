package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"testing"
	"time"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/pretend"
)

// settings are the flags, which the program passes on. Without any this is the
// short form.
var settings = func() *settled {
	s := new(settled)
	flag.DurationVar(&s.duration, "duration", 8*time.Second, "how long troubles come")
	flag.Uint64Var(&s.seed, "seed", 1, "what all choices follow from; 0 takes one from the clock")
	flag.IntVar(&s.clients, "clients", 40, "how many clients")
	flag.IntVar(&s.hosts, "hosts", 3, "how many pretend hosts")
	flag.IntVar(&s.real, "real", 0, "use so many real Docker hosts in containers instead")
	flag.IntVar(&s.warm, "warm", defaultWarm, "how many containers wait on each host; 0: none")
	flag.BoolVar(&s.gateway, "gateway", true, "reach sessions through gateways")
	flag.BoolVar(&s.race, "race", false, "build the programs with the race detector")
	flag.BoolVar(&s.patient, "patient", false, "go on after the first violations")
	flag.BoolVar(&s.talk, "talk", false, "say how it goes")
	return s
}()

type settled struct {
	options
	talk bool
}

const (
	enough       = 3 // violations, unless one is patient
	progressTime = 5 * time.Second
	recordGrace  = 1200 * time.Millisecond // engines tell the time of creation in whole seconds
)

// A torture is one run.
type torture struct {
	options
	t        *testing.T
	out      io.Writer
	rng      *rand.Rand // of the troubles
	ledger   *ledger
	hosts    []host
	limits   []int
	server   *databasetest.Daemon
	programs *programs
	observer *observer
	clients  []*client
	rests    rests

	lasting []*lasting // troubles that have not ended
	late    time.Duration
}

// TestTorture is the torture. With -duration it is a long one.
func TestTorture(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	out := t.Output()
	if settings.talk {
		out = os.Stdout
	}
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	x := prepare(t, settings.options, out)
	x.run(ctx)
	x.report()
}

// prepare starts all parts but the programs.
func prepare(t *testing.T, o options, out io.Writer) *torture {
	t.Helper()
	if o.seed == 0 {
		o.seed = uint64(time.Now().UnixNano()) % 1e6
	}
	fmt.Fprintf(out, "torture: seed %d, %s, %d clients, %d containers wait on each host, gateway: %t\n", o.seed, o.duration, o.clients, o.warm, o.gateway)
	x := &torture{options: o, t: t, out: out, rng: random(o.seed), ledger: newLedger(out)}
	x.ledger.private = o.gateway
	x.server = databasetest.Server(t)
	db := x.server.Config(t).MySQL
	if o.real > 0 {
		x.hosts = startRealHosts(t, o.real)
	} else {
		x.hosts = startPretendHosts(t, o.hosts)
	}
	// A fifth of the clients finds no place, or fewer where containers are to wait
	// for them. The first host is the largest.
	least := max(2, o.warm)
	total, places := 0, o.clients*4/5+o.warm*len(x.hosts)
	for i := range x.hosts {
		limit := max(least, (places-total)/2)
		if i == len(x.hosts)-1 {
			limit = max(least, places-total)
		}
		x.limits = append(x.limits, limit)
		total += limit
	}
	x.programs = newPrograms(t, x.ledger, o, db, x.hosts, x.limits)
	var err error
	if x.observer, err = newObserver(x.ledger, db, x.hosts, x.limits, o.real == 0); err != nil {
		t.Fatal(err)
	}
	x.observer.judge.warm = o.warm
	t.Cleanup(func() { x.observer.db.Close() })
	fmt.Fprintf(out, "torture: %d hosts with %d places, 2 distributors, 2 cleanups and more\n", len(x.hosts), total)
	return x
}

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

func imageOf(o options) string {
	if o.real > 0 {
		return realImage
	}
	return pretend.DefaultImage
}

// run is the whole course.
func (x *torture) run(ctx context.Context) {
	defer x.endAll()
	x.addForeign() // before ours have the ports
	// The first distributor makes the tables.
	if err := x.programs.awaitReady(); err != nil {
		x.t.Fatal(err)
	}
	if err := x.observer.learn(ctx); err != nil {
		x.t.Fatal(err)
	}
	observing, stopObserving := context.WithCancel(ctx)
	var observer sync.WaitGroup
	observer.Go(func() { x.observer.run(observing) })
	defer observer.Wait()
	defer stopObserving()

	x.checkRefilled(ctx, true) // so that the first clients are served by what waits
	living, die := context.WithCancel(ctx)
	defer die()
	var clients sync.WaitGroup
	for i := range x.options.clients {
		c := x.newClient(i)
		x.clients = append(x.clients, c)
		clients.Go(func() { c.run(living) })
	}
	x.disturbAll(ctx)
	die()
	clients.Wait()
	if ctx.Err() != nil {
		x.t.Fatal("interrupted")
	}
	x.finish(ctx)
}

func (x *torture) newClient(number int) *client {
	var addrs, gateways []string
	for _, d := range x.programs.distributors {
		addrs = append(addrs, d.addr)
		if d.gateway != "" {
			gateways = append(gateways, d.gateway)
		}
	}
	return &client{
		number: number, ledger: x.ledger, addrs: addrs, gateways: gateways, rests: &x.rests,
		visitor:  len(gateways) > 0 && number%visitors == 0,
		rng:      rand.New(rand.NewPCG(x.seed, uint64(number)+1)),
		nudges:   make(chan nudge, 1),
		justUsed: func(token string) bool { return x.observer.justUsed(x.t.Context(), token) },
	}
}

// addForeign puts containers on every host that look much like ours. The
// first host has many of its ports taken.
func (x *torture) addForeign() {
	const otherDatabase = "0123456789abcdef0123456789abcdef"
	meet := func(h host, name string, labels map[string]string, port int) {
		if err := x.observer.addForeign(h, name, labels, port); err != nil {
			x.t.Fatal(err)
		}
	}
	for i, h := range x.hosts {
		meet(h, "wrp_session_1", nil, 0)
		meet(h, "wrp_01234567_1", map[string]string{labelDatabase: otherDatabase, labelSession: "1", labelNonce: "x"}, 0)
		meet(h, "somebody", nil, startPort+1)
		for slot := 3; i == 0 && slot < x.limits[0]; slot += 2 {
			meet(h, fmt.Sprintf("somebody%d", slot), nil, startPort+slot)
		}
	}
}

// disturbAll makes the plan's troubles, for as long as it is to last.
func (x *torture) disturbAll(ctx context.Context) {
	end := x.ledger.now() + x.duration
	said := x.ledger.now()
	every := calmEvery
	if x.real > 0 {
		every = calmReal
	}
	kinds := append(kindsOf(x.options), x.hosts[0].Kinds()...)
	for _, s := range plan(x.rng, kinds, x.duration, every) {
		for next := x.ledger.now() + s.pause; x.ledger.now() < next; time.Sleep(20 * time.Millisecond) {
			x.endDue()
			x.programs.restart()
		}
		if ctx.Err() != nil || x.ledger.now() > end || x.ledger.wrong() >= enough && !x.patient {
			return
		}
		if x.ledger.now() > said+progressTime {
			said = x.ledger.now()
			fmt.Fprintf(x.out, "%5.0fs to go: answers %s; violations %d\n", (end - said).Seconds(), x.ledger.sum("answers"), x.ledger.wrong())
		}
		x.disturb(ctx, s)
	}
}

// report says what was done and whether anything was wrong.
func (x *torture) report() {
	if crash := x.programs.crashed(); crash != "" {
		x.ledger.violation("no crash", about{client: nobody}, "%s", crash)
	}
	for _, group := range []string{"answers", "troubles", "visits", "seen", "readings", "checks"} {
		fmt.Fprintf(x.out, "%s: %s\n", group, x.ledger.sum(group))
	}
	n := x.ledger.wrong()
	fmt.Fprintf(x.out, "violations: %d\n", n)
	if n > 0 {
		x.t.Errorf("%d violations; the same again: go run ./internal/torture --duration %s --seed %d --clients %d --hosts %d --warm %d --gateway=%t",
			n, x.duration, x.seed, x.options.clients, x.options.hosts, x.warm, x.gateway)
		return
	}
	// A torture that hardly did anything proves nothing.
	for _, c := range x.leasts() {
		if got := x.ledger.counted(c.group, c.what); got < c.least {
			x.t.Errorf("%s %s: only %d, want at least %d", c.group, c.what, got, c.least)
		}
	}
}

// A least is how often something must have happened.
type least struct {
	group, what string
	least       int
}

func (x *torture) leasts() []least {
	list := []least{
		{"answers", "PUT 202", 20}, {"answers", "PUT 204", 20}, {"answers", "DELETE 202", 5},
		{"visits", "200", 50}, {"readings", "complete", 5}, {"checks", "idle session is gone", 1},
	}
	if x.warm > 0 {
		list = append(list, least{"seen", "waiting container taken", 3}, least{"checks", "as many wait as should", 1})
	}
	if x.gateway {
		list = append(list, least{"checks", "use is written down", 5})
	}
	if x.gateway && x.duration >= longRun {
		list = append(list, least{"seen", "woken", 5})
	}
	return list
}
