package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// disableAccount keeps an account out for a while, as an operator does.
const disableAccount = "account is disabled"

// portalKinds are the troubles of people who come in by name and password.
var portalKinds = []kind{{name: disableAccount, longest: 5 * time.Second}, {name: disableAccount, longest: 5 * time.Second}}

const (
	accountsOfPeople = 4
	accountKnown     = 2 * time.Second // after which all processes know of a change
)

// letsPeopleIn reports whether people come in by name and password. Earlier revisions know
// none.
func (o options) letsPeopleIn() bool { return o.portal && o.gateway && o.old == "" }

// people are the accounts, and what their persons were shown. It is safe for concurrent
// use.
type people struct {
	ledger   *ledger
	observer *observer // set once there is one

	mu       sync.Mutex // guards what follows
	accounts map[string]*account
	shown    map[string]string // who was shown pages of a container
	work     sync.WaitGroup    // operators' commands
}

// An account may have two sessions, or one although two want one.
type account struct {
	most    int
	changed time.Duration // when the last change began
	open    time.Duration // since when it is known to be enabled
	closed  time.Duration // since when it is known to be disabled; 0: it is not
	inDoubt bool          // a change may still come, whose answer got lost
}

func newPeople(l *ledger) *people {
	ps := &people{ledger: l, accounts: make(map[string]*account), shown: make(map[string]string)}
	for i := range accountsOfPeople {
		ps.accounts[accountName(i)] = &account{most: 1 + i%2}
	}
	return ps
}

func accountName(i int) string { return fmt.Sprintf("people%d", i) }

// persons are two of each account.
func (x *torture) persons() (list []*person) {
	if x.people == nil {
		return nil
	}
	for i := range 2 * accountsOfPeople {
		p := &person{
			account: accountName(i / 2), device: []string{"basic", "cookie"}[i%2], cookies: i%2 == 1,
			people: x.people, ledger: x.ledger, rng: rand.New(rand.NewPCG(x.seed, 1e6+uint64(i))),
		}
		for _, d := range x.programs.distributors {
			p.gateways = append(p.gateways, d.gateway)
		}
		list = append(list, p)
	}
	return list
}

// importPeople adds the accounts, with hashes that cost little.
func (x *torture) importPeople() {
	if x.people == nil {
		return
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(rightPassword), bcrypt.MinCost)
	if err != nil {
		x.t.Fatal(err)
	}
	var lines []string
	for i := range accountsOfPeople {
		lines = append(lines, accountName(i)+":"+string(hash))
	}
	file := filepath.Join(x.t.TempDir(), "users")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		x.t.Fatal(err)
	}
	x.mustOperate("import", "--replace", file) // also if the last try came further than its answer
	for i := range accountsOfPeople {
		name := accountName(i)
		x.mustOperate("set", name, "--max-sessions", fmt.Sprint(x.people.accounts[name].most))
	}
}

func (x *torture) mustOperate(args ...string) {
	x.again(args[0]+" accounts", func() error { return x.operate(args...) })
}

// operate runs a command for accounts at one of the distributors, or at the database if
// that does not run.
func (x *torture) operate(args ...string) error {
	cmd := x.programs.Command("distributor", append([]string{"accounts"}, args...)...)
	cmd.Env = append(cmd.Env, x.programs.distributors[0].env...)
	begin := x.ledger.now()
	out, err := cmd.CombinedOutput()
	x.ledger.add(begin, about{client: nobody}, "accounts %s: %v %s", strings.Join(args, " "), err, out)
	x.ledger.count("people", map[bool]string{true: "accounts " + args[0], false: "accounts " + args[0] + ", failed"}[err == nil])
	if err != nil {
		return fmt.Errorf("accounts %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// disable disables an account, and returns what enables it again.
func (x *torture) disable(number int) (end func(), ok bool) {
	name, over := accountName(number), make(chan struct{})
	x.people.change(name)
	x.people.work.Go(func() {
		err := x.operate("disable", name)
		x.people.set(name, err, true)
		<-over
		x.people.change(name)
		for try := range 3 {
			if err = x.operate("enable", name); err == nil {
				break
			}
			time.Sleep(time.Duration(try+1) * lookPause)
		}
		x.people.set(name, err, false)
	})
	return func() { close(over) }, true
}

// change notes that an account is about to be changed.
func (ps *people) change(name string) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	a := ps.accounts[name]
	a.changed, a.open, a.closed = ps.ledger.now(), -1, 0
}

// set notes what came of that. A command whose answer got lost may be carried out later.
func (ps *people) set(name string, err error, closed bool) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	a := ps.accounts[name]
	switch {
	case err != nil:
		a.inDoubt = true
	case closed:
		a.closed = ps.ledger.now() + accountKnown
	default:
		a.open = ps.ledger.now() + accountKnown
	}
}

// isOpen reports whether an account was known to be enabled all the time.
func (ps *people) isOpen(name string, from, to time.Duration) bool {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	a := ps.accounts[name]
	return !a.inDoubt && a.open >= 0 && a.open <= from && a.changed < max(from, 1) && to >= from
}

// isClosed is the opposite.
func (ps *people) isClosed(name string, at time.Duration) bool {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	a := ps.accounts[name]
	return !a.inDoubt && a.closed > 0 && a.closed <= at
}

// show notes that a container showed its page to a person. It must show none to others.
func (ps *people) show(p *person, v view) {
	ps.mu.Lock()
	before := ps.shown[v.container()]
	ps.shown[v.container()] = p.name()
	ps.mu.Unlock()
	if before != "" && before != p.name() {
		p.violation("P1", "it is shown a page of container %s, as was %s", v.container(), before)
	}
	if ps.isClosed(p.account, v.begin) && !ps.ledger.disturbed(v.begin-accountKnown, v.end) {
		p.violation("P4", "its account is disabled, and it is shown a page: %s", v)
	}
}

// judge compares the table with what is known of people.
func (ps *people) judge(r reading) (found []finding) {
	if ps == nil {
		return nil
	}
	count := make(map[string]int)
	for _, s := range r.before {
		wrong := func(rule, key, format string, args ...any) {
			found = append(found, finding{rule, key + " " + s.Token, about{nobody, s.Host, s.Token}, fmt.Sprintf("%s of %q: ", s, s.Agent) + fmt.Sprintf(format, args...)})
		}
		if who := ps.whom(s.Container); who != "" && (s.Account == "" || who != s.Agent) {
			wrong("P1", "shown", "its page was shown to %s", who)
		}
		a := ps.accounts[s.Account] // the map itself does not change
		if s.Account == "" || s.State == "stopping" {
			continue
		}
		if a == nil {
			wrong("P3", "nobody's", "there is no account %q", s.Account)
			continue
		}
		if count[s.Account]++; count[s.Account] == a.most+1 {
			wrong("P2", "too many", "%s has more than %d", s.Account, a.most)
		}
		if ps.isClosed(s.Account, r.at.Sub(ps.ledger.began)) {
			wrong("P4", "closed", "%s is disabled", s.Account)
		}
	}
	return found
}

// isStopping reports whether the table says that the session of a container is being
// stopped, or does not say anything just now.
func (ps *people) isStopping(ctx context.Context, container string) bool {
	rows, err := ps.observer.rows(ctx)
	return err != nil || slices.ContainsFunc(rows, func(s row) bool { return s.State == "stopping" && strings.HasPrefix(s.Container, container) })
}

// whom returns who was shown pages of a container. Containers call themselves by the
// beginning of their id.
func (ps *people) whom(container string) string {
	const shortID = 12
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return ps.shown[container[:min(shortID, len(container))]]
}

// checkPeople looks, once all is well, whether everybody may come in again, and is shown
// the session that they have at each gateway.
func (x *torture) checkPeople(ctx context.Context) {
	if x.people == nil {
		return
	}
	x.people.work.Wait()
	for i := range accountsOfPeople {
		x.again("enable accounts", func() error { return x.operate("enable", accountName(i)) })
	}
	persons := x.persons()
	x.ledger.count("checks", "people are shown their sessions")
	x.eventually(ctx, func() (missing []finding) {
		rows, err := x.observer.rows(ctx)
		if err != nil {
			return nobodys("P5", "the table cannot be read: %v", err)
		}
		for _, s := range rows {
			i := slices.IndexFunc(persons, func(p *person) bool { return s.State == "running" && p.name() == s.Agent })
			if i >= 0 {
				missing = append(missing, persons[i].notShown(ctx, s)...)
			}
		}
		return missing
	})
}

// notShown returns at which gateways a person is not shown a session that runs.
func (p *person) notShown(ctx context.Context, s row) (missing []finding) {
	for _, gateway := range p.gateways {
		if !p.come(ctx) {
			return nobodys("P5", "%s cannot log in", p.name())
		}
		v := p.ask(ctx, gateway, "/", nil)
		if v.container() == "" || !strings.HasPrefix(s.Container, v.container()) {
			p.cookie = "" // it may be of before the account was enabled
			missing = append(missing, finding{rule: "P5", about: about{nobody, s.Host, s.Token}, text: fmt.Sprintf("%s has %s, and is shown %s", p.name(), s, v)})
		}
	}
	return missing
}
