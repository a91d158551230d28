package torture

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A lasting trouble ends after a while.
type lasting struct {
	*trouble
	due time.Duration
	end func()
}

// disturb makes one trouble, unless the same one lasts already.
func (x *torture) disturb(ctx context.Context, a action) {
	if a.kind == calm {
		x.calm(ctx)
		return
	}
	h := x.hosts[a.target%len(x.hosts)]
	where, cutsOff := "", false
	if i := slices.IndexFunc(h.Kinds(), func(k kind) bool { return k.name == a.kind }); i >= 0 {
		where, cutsOff = h.Entry().Address, h.Kinds()[i].cutsOff
	}
	if a.kind == leaveHost {
		where, cutsOff = h.Entry().Address, true
	}
	if slices.ContainsFunc(x.lasting, func(l *lasting) bool { return l.kind == a.kind && l.host == where }) {
		return
	}
	tr := x.ledger.begin(a.kind, where, cutsOff)
	end, ok := x.begin(ctx, a, h)
	if !ok {
		x.ledger.finish(tr)
		return
	}
	x.ledger.count("troubles", a.kind)
	x.provoke(a, where, cutsOff)
	if end == nil {
		x.ledger.finish(tr)
		return
	}
	x.lasting = append(x.lasting, &lasting{tr, x.ledger.now() + a.length, end})
}

// begin begins a trouble. It returns how to end it, if it lasts, and false
// if it cannot be done just now.
func (x *torture) begin(ctx context.Context, a action, h host) (end func(), ok bool) {
	d := x.programs.distributors[a.target%len(x.programs.distributors)]
	switch a.kind {
	case killDistributor:
		return x.programs.disturb(d, syscall.SIGKILL)
	case stopDistributor:
		return x.programs.disturb(d, syscall.SIGTERM)
	case freezeDistributor:
		return x.programs.disturb(d, syscall.SIGSTOP)
	case killRepeating:
		return x.programs.disturb(x.programs.repeating, syscall.SIGKILL)
	case freezeRepeating:
		return x.programs.disturb(x.programs.repeating, syscall.SIGSTOP)
	case oneCleanup:
		x.programs.start(x.programs.repeating.env, "cleanup", "--timeout", "10")
		return nil, true
	case killCleanup:
		return x.programs.start(x.programs.repeating.env, "cleanup", "--timeout", "10").Kill, true
	case killDatabase, stopDatabase, freezeDatabase:
		return x.disturbDatabase(a.kind)
	case killContainers:
		return nil, x.kill(h, 1+a.size%3, a.kind)
	case killAllContainers:
		return nil, x.kill(h, len(x.limits)*1000, a.kind)
	case killWaiting, pauseWaiting, endLease:
		return nil, x.disturbWaiting(ctx, a, h)
	case manyUnused:
		return nil, x.lookUnusedBriefly(ctx, a)
	case foreignOnPort, foreignWithName, strayContainer:
		return nil, x.addUnexpected(ctx, a, h)
	case manyIdle:
		return x.ageCrowd(ctx, a)
	case leaveHost:
		return x.programs.leave(h)
	case disableAccount:
		return x.disable(a.target % accountsOfPeople)
	}
	end, err := h.Disturb(a.kind, a.size)
	if err != nil {
		x.ledger.add(x.ledger.now(), about{nobody, h.Entry().Name, ""}, "%s cannot be done: %v", a.kind, err)
		return nil, false
	}
	if strings.HasSuffix(a.kind, "after the start timeout") {
		x.late = x.ledger.now() + a.length + tooLate
	}
	return end, true
}

// disturbDatabase does one thing at a time to the database.
func (x *torture) disturbDatabase(how string) (func(), bool) {
	if slices.ContainsFunc(x.lasting, func(l *lasting) bool { return strings.HasPrefix(l.kind, "database") }) {
		return nil, false
	}
	restart := func() {
		if err := x.server.Start(); err != nil {
			x.t.Fatal(err)
		}
	}
	switch how {
	case killDatabase:
		x.server.Kill()
	case stopDatabase:
		x.server.Stop()
	default:
		x.server.Pause()
		return x.server.Unpause, true
	}
	return restart, true
}

// kill ends containers of ours on a host, n at most.
func (x *torture) kill(h host, n int, how string) bool {
	list, err := h.Look()
	if err != nil {
		return false
	}
	x.rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	var ids, tokens []string
	for _, c := range list {
		if c.DatabaseID == x.observer.judge.databaseID && c.Running && c.Token != "" && len(ids) < n {
			x.ledger.noteKilled(c.Token, h.Entry().Name, how)
			ids, tokens = append(ids, c.ID), append(tokens, c.Token)
		}
	}
	if len(ids) == 0 {
		return false
	}
	h.Kill(ids...)
	x.ledger.noteDead(tokens...)
	return true
}

// addFirstForeign puts containers on every host that look much like ours. The
// first host has many of its ports taken.
func (x *torture) addFirstForeign() {
	const otherDatabase = "0123456789abcdef0123456789abcdef"
	add := func(h host, name string, labels map[string]string, port int) {
		if err := x.observer.addForeign(h, name, labels, port); err != nil {
			x.t.Fatal(err)
		}
	}
	for i, h := range x.hosts {
		add(h, "wrp_session_1", nil, 0)
		add(h, "wrp_01234567_1", map[string]string{labelDatabase: otherDatabase, labelSession: "1", labelNonce: "x"}, 0)
		add(h, "foreign", nil, startPort+1)
		for slot := 3; i == 0 && slot < x.limits[0]; slot += 2 {
			add(h, fmt.Sprintf("foreign%d", slot), nil, startPort+slot)
		}
	}
}

// addUnexpected puts something in our way that is not a session of ours.
func (x *torture) addUnexpected(ctx context.Context, a action, h host) bool {
	var newest int64
	if err := x.observer.db.GetContext(ctx, &newest, `SELECT COALESCE(MAX(id), 0) FROM sessions`); err != nil {
		return false
	}
	name, id := fmt.Sprintf("foreign%d", x.rng.IntN(1e9)), x.observer.judge.databaseID
	limit := x.limits[slices.Index(x.hosts, h)]
	var err error
	switch a.kind {
	case foreignOnPort:
		err = x.observer.addForeign(h, name, nil, startPort+a.size%limit)
	case foreignWithName:
		err = x.observer.addForeign(h, fmt.Sprintf("wrp_%.8s_%d", id, newest+1+int64(a.size%5)), nil, 0)
	default:
		err = x.addStray(h, name, 1e6+a.size)
	}
	return err == nil
}

// addStray starts a container of ours for a session that does not exist.
func (x *torture) addStray(h host, name string, session int) error {
	_, err := h.Foreign(name, map[string]string{labelDatabase: x.observer.judge.databaseID, labelSession: strconv.Itoa(session), labelNonce: "x"}, 0)
	return err
}

// provoke makes clients do at once what is delicate in a trouble.
func (x *torture) provoke(a action, host string, cutsOff bool) {
	switch {
	case cutsOff:
		for i, rec := range x.ledger.alive() {
			do := []func(*client, context.Context){(*client).end, (*client).start, (*client).startTwice}
			if x.ledger.hostOf(rec) == host {
				x.nudge(rec.client, nudge{a.length, do[(i+a.size)%len(do)]})
			}
		}
	case a.kind == killAllContainers:
		for i := range x.clients {
			// All places are free, and all want them, some at once.
			do := []func(*client, context.Context){(*client).start, (*client).changeMind}
			x.nudge(i, nudge{rushTime, do[(i+a.size)%len(do)]})
		}
	case host != "" && a.length > 0: // starts, above all, are disturbed
		for i := range x.clients {
			do := []func(*client, context.Context){(*client).end, (*client).start, (*client).startAndEnd}
			x.nudge(i, nudge{a.length, do[(i+a.size)%len(do)]})
		}
	}
}

func (x *torture) nudge(client int, n nudge) {
	select {
	case x.clients[client].nudges <- n:
	default: // it has one
	}
}

const (
	rushTime   = 50 * time.Millisecond
	crowdTime  = 1200 * time.Millisecond
	freezeTime = 250 * time.Millisecond // in which a cleanup does its work
)

// ageCrowd makes sessions look idle while containers take long to stop, has a
// cleanup run that is frozen in the middle, and tells the clients to use their
// sessions now.
func (x *torture) ageCrowd(ctx context.Context, a action) (func(), bool) {
	recs := x.ledger.alive()
	if a.size%3 == 0 {
		recs = recs[:len(recs)/2]
	}
	if len(recs) == 0 {
		return nil, false
	}
	var ends []func()
	for _, h := range x.hosts {
		if end, err := h.Disturb("containers ignore SIGTERM", 1); err == nil {
			ends = append(ends, end)
		}
	}
	endAll := func() {
		for _, end := range ends {
			end()
		}
	}
	if _, err := x.observer.age(ctx, recs...); err != nil {
		endAll()
		return nil, false
	}
	cleanup := x.programs.start(x.programs.repeating.env, "cleanup", "--timeout", "10")
	for _, rec := range recs {
		x.nudge(rec.client, nudge{crowdTime, (*client).use})
	}
	time.Sleep(time.Duration(a.size) * freezeTime / maxSize)
	cleanup.Signal(syscall.SIGSTOP)
	time.Sleep(freezeTime)
	cleanup.Signal(syscall.SIGCONT)
	return endAll, true
}

// endDue ends the troubles that have lasted long enough.
func (x *torture) endDue() {
	x.endTroubles(func(l *lasting) bool { return x.ledger.now() >= l.due })
}

// endAll ends all troubles.
func (x *torture) endAll() { x.endTroubles(func(*lasting) bool { return true }) }

func (x *torture) endTroubles(which func(*lasting) bool) {
	x.lasting = slices.DeleteFunc(x.lasting, func(l *lasting) bool {
		if !which(l) {
			return false
		}
		l.end()
		x.ledger.finish(l.trouble)
		return true
	})
}
