// Package torture runs the whole service under every kind of trouble and looks
// whether it ever does something wrong.
//
// Two distributors and two cleanups work on one database and several container
// hosts, and many clients use them, while processes are killed and frozen, the
// database goes away, hosts are cut off, or come and go by a reload, containers die and
// foreign containers take our ports. An observer compares what Docker, the database and the
// clients' log say with what is promised:
//
//	I1  no port and no slot of a host belongs to two sessions, and no host runs
//	    more of our containers than it may
//	I2  a client has at most one container that is not being stopped
//	I3  an address is handed over only if its container runs
//	I4  a session in use is never stopped, an idle one is gone after one cleanup
//	I5  a container of ours has a row or is gone soon, foreign ones are left alone
//	I6  a host that cannot be asked loses nothing
//	W1  nobody is refused while a container waits on a host that is up
//	W2  where there is room, as many containers wait as should
//	G1  a gateway, any of them, serves a session that runs, and nobody else's
//	G2  a session that is used is not left frozen, and its use is written down
//	P1  a person who comes in by name and password is shown their own session alone
//	P2  an account never has more sessions than it may
//	P3  a wrong password gets no container, a right one is not refused
//	P4  an account that was disabled has no session, and is let in nowhere
//	P5  a session that its person ended is shown no more, one that runs is
//
// Containers that wait for clients are held to I1 to I5 as well. A violation is
// the only failure. How often something happened is a matter of luck and of the
// machine: that is printed, and asserted nowhere.
//
// "go test" runs a short form, "make e2e" a longer one, "make torture" one as long as
// the test's flags say.
package torture

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
	"wrpdistributor/internal/proctest"
)

// options are the flags of the test.
type options struct {
	duration time.Duration
	seed     uint64
	clients  int
	hosts    int
	slow     int
	real     int
	guard    bool
	old      string
	warm     int
	gateway  bool
	leave    bool
	portal   bool
	race     bool
	patient  bool
}

// flags are read when the test binary has parsed its command line.
var flags = register(flag.CommandLine)

func register(f *flag.FlagSet) *options {
	o := new(options)
	f.DurationVar(&o.duration, "duration", 8*time.Second, "how long troubles come; preparing and checking take half a minute more")
	f.Uint64Var(&o.seed, "seed", 1, "what all choices follow from; 0 takes one from the clock")
	f.IntVar(&o.clients, "clients", 40, "how many clients")
	f.IntVar(&o.hosts, "hosts", 3, "how many pretend hosts")
	f.IntVar(&o.slow, "slow", 0, "put the first pretend host behind a line of so many bytes a second; 0: none is")
	f.IntVar(&o.real, "real", 0, "use so many real Docker hosts in containers instead (made by: make test-images)")
	f.BoolVar(&o.guard, "guard", false, "let the keys of real hosts reach Docker through hostguard only")
	f.StringVar(&o.old, "old", "", "let two distributors of this revision work beside those of today; empty: none do")
	f.IntVar(&o.warm, "warm", 2, "how many containers wait on each host; 0: none")
	f.BoolVar(&o.gateway, "gateway", true, "reach sessions through gateways")
	f.BoolVar(&o.leave, "leave", true, "take hosts out of the file of hosts, and put them back, while all runs")
	f.BoolVar(&o.portal, "portal", true, "let people in by name and password, at the gateways")
	f.BoolVar(&o.race, "race", false, "build the distributor and cleanup with the race detector")
	f.BoolVar(&o.patient, "patient", false, "go on after the first violations")
	return o
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
	people   *people // nil: none come in by name and password

	lasting []*lasting // troubles that have not ended
	late    time.Duration
}

func TestTorture(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	torment(t, *flags)
}

// TestE2ETorture has time for slow troubles and for many of each kind, with programs
// that the race detector looks at.
func TestE2ETorture(t *testing.T) {
	proctest.E2E(t)
	o := *flags
	o.duration, o.seed, o.race = longRun, 2, true
	torment(t, o)
}

// torment is a whole run.
func torment(t *testing.T, o options) {
	t.Helper()
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	x := prepare(t, o)
	x.run(ctx)
	x.report()
}

// prepare starts all parts but the programs.
func prepare(t *testing.T, o options) *torture {
	t.Helper()
	if o.seed == 0 {
		o.seed = uint64(time.Now().UnixNano()) % 1e6
	}
	out := t.Output()
	fmt.Fprintf(out, "torture: seed %d, %s, %d clients, %d containers wait on each host, gateway: %t\n", o.seed, o.duration, o.clients, o.warm, o.gateway)
	x := &torture{options: o, t: t, out: out, rng: random(o.seed), ledger: newLedger(out)}
	x.ledger.private = o.gateway
	x.server = databasetest.Server(t)
	db := x.server.Config(t).MySQL
	if o.real > 0 {
		x.hosts = startRealHosts(t, o.real, o.guard)
	} else {
		x.hosts = startPretendHosts(t, o.hosts, o.slow)
	}
	x.limits = limitsOf(o, len(x.hosts))
	if o.letsPeopleIn() {
		x.people = newPeople(x.ledger)
	}
	x.programs = newPrograms(t, x.ledger, o, db, x.hosts, x.limits)
	var err error
	if x.observer, err = newObserver(x.ledger, db, x.hosts, x.limits, o.real == 0); err != nil {
		t.Fatal(err)
	}
	x.observer.judge.warm, x.observer.judge.people = o.warm, x.people
	if x.people != nil {
		x.people.observer = x.observer
	}
	t.Cleanup(func() { x.observer.db.Close() })
	fmt.Fprintf(out, "torture: hosts with %d places, %d distributors, 2 cleanups and more\n", x.limits, len(x.programs.distributors))
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
	x.addFirstForeign() // before ours have the ports
	// The first distributor makes the tables.
	if err := x.programs.awaitReady(); err != nil {
		x.t.Fatal(err)
	}
	x.again("look at the database", func() error { return x.observer.learn(ctx) })
	observing, stopObserving := context.WithCancel(ctx)
	var observer sync.WaitGroup
	observer.Go(func() { x.observer.run(observing) })
	defer observer.Wait()
	defer stopObserving()

	x.importPeople()
	x.checkRefilled(ctx) // so that the first clients are served by what waits
	living, stopClients := context.WithCancel(ctx)
	defer stopClients()
	var clients sync.WaitGroup
	for i := range x.options.clients {
		c := x.newClient(i)
		x.clients = append(x.clients, c)
		clients.Go(func() { c.run(living) })
	}
	for _, p := range x.persons() {
		clients.Go(func() { p.run(living) })
	}
	x.disturbAll(ctx)
	stopClients()
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
		visitor: len(gateways) > 0 && number%visitors == 0,
		rng:     rand.New(rand.NewPCG(x.seed, uint64(number)+1)),
		nudges:  make(chan nudge, 1),
		justUsed: func(token string) bool {
			used, err := x.observer.justUsed(x.t.Context(), token)
			return err == nil && used
		},
	}
}

// disturbAll makes the plan's troubles, for as long as it is to last.
func (x *torture) disturbAll(ctx context.Context) {
	end := x.ledger.now() + x.duration
	printed := x.ledger.now()
	every := calmEvery
	if x.real > 0 {
		every = calmReal
	}
	kinds := append(kindsOf(x.options), x.hosts[0].Kinds()...)
	for _, a := range plan(x.rng, kinds, x.duration, every) {
		for next := x.ledger.now() + a.pause; x.ledger.now() < next; time.Sleep(20 * time.Millisecond) {
			x.endDue()
			x.programs.restart()
		}
		if ctx.Err() != nil || x.ledger.now() > end || x.hopeless() {
			return
		}
		if x.ledger.now() > printed+progressTime {
			printed = x.ledger.now()
			fmt.Fprintf(x.out, "%5.0fs to go: answers %s; violations %d\n", (end - printed).Seconds(), x.ledger.sum("answers"), x.ledger.wrong())
		}
		x.disturb(ctx, a)
	}
}

// hopeless reports whether enough is wrong already.
func (x *torture) hopeless() bool { return x.ledger.wrong() >= enough && !x.patient }

// report prints what was done and whether anything was wrong.
func (x *torture) report() {
	if crash := x.programs.crashed(); crash != "" {
		x.ledger.violation("no crash", about{client: nobody}, "%s", crash)
	}
	for _, group := range []string{"answers", "troubles", "visits", "people", "seen", "readings", "checks"} {
		fmt.Fprintf(x.out, "%s: %s\n", group, x.ledger.sum(group))
	}
	n := x.ledger.wrong()
	fmt.Fprintf(x.out, "violations: %d\n", n)
	if n > 0 {
		x.t.Errorf("%d violations; the same again: go test -v -run '^TestTorture$' ./internal/torture -args -duration %s -seed %d -clients %d -hosts %d -real %d -guard=%t -warm %d -gateway=%t -leave=%t -portal=%t",
			n, x.duration, x.seed, x.options.clients, x.options.hosts, x.real, x.guard, x.warm, x.gateway, x.leave, x.portal)
	}
}
