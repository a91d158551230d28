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

// disturb makes one trouble. What is in the same trouble already is let be.
func (x *torture) disturb(ctx context.Context, s action) {
	if s.kind == calm {
		x.calm(ctx)
		return
	}
	h := x.hosts[s.target%len(x.hosts)]
	where, cutsOff := "", false
	if i := slices.IndexFunc(h.Kinds(), func(k kind) bool { return k.name == s.kind }); i >= 0 {
		where, cutsOff = h.Entry().Address, h.Kinds()[i].cutsOff
	}
	if slices.ContainsFunc(x.lasting, func(l *lasting) bool { return l.kind == s.kind && l.host == where }) {
		return
	}
	tr := x.ledger.begin(s.kind, where, cutsOff)
	end, ok := x.begin(ctx, s, h)
	if !ok {
		x.ledger.finish(tr)
		return
	}
	x.ledger.count("troubles", s.kind)
	x.provoke(s, where, cutsOff)
	if end == nil {
		x.ledger.finish(tr)
		return
	}
	x.lasting = append(x.lasting, &lasting{tr, x.ledger.now() + s.length, end})
}

// begin does what a step says. It returns how to end it, if it lasts, and false
// if it cannot be done just now.
func (x *torture) begin(ctx context.Context, s action, h host) (end func(), ok bool) {
	d := x.programs.distributors[s.target%len(x.programs.distributors)]
	switch s.kind {
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
		return x.disturbDatabase(s.kind)
	case killContainers:
		return nil, x.kill(h, 1+s.size%3, s.kind)
	case killAllContainers:
		return nil, x.kill(h, len(x.limits)*1000, s.kind)
	case killWaiting, pauseWaiting, endLease:
		return nil, x.disturbWaiting(ctx, s, h)
	case manyUnused:
		return nil, x.lookUnusedBriefly(ctx, s)
	case foreignOnPort, foreignWithName, strayContainer:
		return nil, x.addUnexpected(ctx, s, h)
	case manyIdle:
		return x.ageCrowd(ctx, s)
	}
	end, err := h.Disturb(s.kind, s.size)
	if err != nil {
		x.ledger.add(x.ledger.now(), about{nobody, h.Entry().SSH, ""}, "%s cannot be done: %v", s.kind, err)
		return nil, false
	}
	if strings.HasSuffix(s.kind, "after the start timeout") {
		x.late = x.ledger.now() + s.length + tooLate
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
		x.server.Freeze()
		return x.server.Thaw, true
	}
	return restart, true
}

// kill ends containers of ours on a host, n at most.
func (x *torture) kill(h host, n int, how string) bool {
	boxes, err := h.Look()
	if err != nil {
		return false
	}
	x.rng.Shuffle(len(boxes), func(i, j int) { boxes[i], boxes[j] = boxes[j], boxes[i] })
	var ids, tokens []string
	for _, b := range boxes {
		if b.DatabaseID == x.observer.judge.databaseID && b.Running && b.Token != "" && len(ids) < n {
			x.ledger.noteKilled(b.Token, h.Entry().SSH, how)
			ids, tokens = append(ids, b.ID), append(tokens, b.Token)
		}
	}
	if len(ids) == 0 {
		return false
	}
	h.Kill(ids...)
	x.ledger.noteDead(tokens...)
	return true
}

// addUnexpected puts something in our way that is not a session of ours.
func (x *torture) addUnexpected(ctx context.Context, s action, h host) bool {
	var newest int64
	if err := x.observer.db.GetContext(ctx, &newest, `SELECT COALESCE(MAX(id), 0) FROM sessions`); err != nil {
		return false
	}
	name, id := fmt.Sprintf("foreign%d", x.rng.IntN(1e9)), x.observer.judge.databaseID
	limit := x.limits[slices.Index(x.hosts, h)]
	var err error
	switch s.kind {
	case foreignOnPort:
		err = x.observer.addForeign(h, name, nil, startPort+s.size%limit)
	case foreignWithName:
		err = x.observer.addForeign(h, fmt.Sprintf("wrp_%.8s_%d", id, newest+1+int64(s.size%5)), nil, 0)
	default:
		labels := map[string]string{labelDatabase: id, labelSession: strconv.Itoa(1e6 + s.size), labelNonce: "x"}
		_, err = h.Foreign(name, labels, 0)
	}
	return err == nil
}

// provoke makes clients do at once what is delicate in a trouble.
func (x *torture) provoke(s action, host string, cutsOff bool) {
	switch {
	case cutsOff:
		for i, rec := range x.ledger.alive() {
			do := []func(*client, context.Context){(*client).end, (*client).start, (*client).startTwice}
			if x.ledger.hostOf(rec) == host {
				x.nudge(rec.client, nudge{s.length, do[(i+s.size)%len(do)]})
			}
		}
	case s.kind == killAllContainers:
		for i := range x.clients {
			// All places are free, and all want them, some at once.
			do := []func(*client, context.Context){(*client).start, (*client).changeMind}
			x.nudge(i, nudge{rushTime, do[(i+s.size)%len(do)]})
		}
	case host != "" && s.length > 0: // starts, above all, are disturbed
		for i := range x.clients {
			do := []func(*client, context.Context){(*client).end, (*client).start, (*client).startAndEnd}
			x.nudge(i, nudge{s.length, do[(i+s.size)%len(do)]})
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
func (x *torture) ageCrowd(ctx context.Context, s action) (func(), bool) {
	recs := x.ledger.alive()
	if s.size%3 == 0 {
		recs = recs[:len(recs)/2]
	}
	if len(recs) == 0 {
		return nil, false
	}
	var ends []func()
	for _, h := range x.hosts {
		if end, err := h.Disturb("stubborn containers", 1); err == nil {
			ends = append(ends, end)
		}
	}
	_, err := x.observer.age(ctx, recs...)
	cleanup := x.programs.start(x.programs.repeating.env, "cleanup", "--timeout", "10")
	for _, rec := range recs {
		x.nudge(rec.client, nudge{crowdTime, (*client).use})
	}
	time.Sleep(time.Duration(s.size) * freezeTime / maxSize)
	cleanup.Signal(syscall.SIGSTOP)
	time.Sleep(freezeTime)
	cleanup.Signal(syscall.SIGCONT)
	return func() {
		for _, end := range ends {
			end()
		}
	}, err == nil
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
