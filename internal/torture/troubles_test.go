package main

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
	due  time.Duration
	mend func()
}

// play makes one trouble. What is in the same trouble already is let be.
func (x *torture) play(ctx context.Context, s step) {
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
	mend, ok := x.make(ctx, s, h)
	if !ok {
		x.ledger.finish(tr)
		return
	}
	x.ledger.count("troubles", s.kind)
	x.provoke(s, where, cutsOff)
	if mend == nil {
		x.ledger.finish(tr)
		return
	}
	x.lasting = append(x.lasting, &lasting{tr, x.ledger.now() + s.length, mend})
}

// make does what a step says. It returns how to end it, if it lasts, and false
// if it cannot be done just now.
func (x *torture) make(ctx context.Context, s step, h host) (mend func(), ok bool) {
	d := x.programs.distributors[s.target%len(x.programs.distributors)]
	switch s.kind {
	case killDistributor:
		return x.programs.hurt(d, syscall.SIGKILL)
	case stopDistributor:
		return x.programs.hurt(d, syscall.SIGTERM)
	case freezeDistributor:
		return x.programs.hurt(d, syscall.SIGSTOP)
	case killSweeper:
		return x.programs.hurt(x.programs.sweeper, syscall.SIGKILL)
	case freezeSweeper:
		return x.programs.hurt(x.programs.sweeper, syscall.SIGSTOP)
	case oneCleanup:
		x.programs.spawn(x.programs.sweeper.env, "cleanup", "--timeout", "10")
		return nil, true
	case killCleanup:
		return x.programs.spawn(x.programs.sweeper.env, "cleanup", "--timeout", "10").Kill, true
	case killDatabase, stopDatabase, freezeDatabase:
		return x.hurtDatabase(s.kind)
	case killContainers:
		return nil, x.kill(h, 1+s.size%3, s.kind)
	case killAllContainers:
		return nil, x.kill(h, len(x.limits)*1000, s.kind)
	case killWaiting, pauseWaiting, endLease:
		return nil, x.hurtWaiting(ctx, s, h)
	case sleepyCrowd:
		return nil, x.letDoze(ctx, s)
	case strangerOnPort, strangerWithName, strayContainer:
		return nil, x.invite(ctx, s, h)
	case idleCrowd:
		return x.ageCrowd(ctx, s)
	}
	mend, err := h.Hurt(s.kind, s.size)
	if err != nil {
		x.ledger.add(x.ledger.now(), about{nobody, h.Entry().SSH, ""}, "%s cannot be done: %v", s.kind, err)
		return nil, false
	}
	if strings.HasSuffix(s.kind, "after the start timeout") {
		x.late = x.ledger.now() + s.length + tooLate
	}
	return mend, true
}

// hurtDatabase does one thing at a time to the database.
func (x *torture) hurtDatabase(how string) (func(), bool) {
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
	boxes, err := h.Look()
	if err != nil {
		return false
	}
	x.rng.Shuffle(len(boxes), func(i, j int) { boxes[i], boxes[j] = boxes[j], boxes[i] })
	var ids, tokens []string
	for _, b := range boxes {
		if b.Database == x.observer.judge.databaseID && b.Running && b.Token != "" && len(ids) < n {
			x.ledger.kill(b.Token, h.Entry().SSH, how)
			ids, tokens = append(ids, b.ID), append(tokens, b.Token)
		}
	}
	if len(ids) == 0 {
		return false
	}
	h.Kill(ids...)
	x.ledger.died(tokens...)
	return true
}

// invite puts something in our way that is not a session of ours.
func (x *torture) invite(ctx context.Context, s step, h host) bool {
	var newest int64
	if err := x.observer.db.GetContext(ctx, &newest, `SELECT COALESCE(MAX(id), 0) FROM sessions`); err != nil {
		return false
	}
	name, id := fmt.Sprintf("stranger%d", x.rng.IntN(1e9)), x.observer.judge.databaseID
	limit := x.limits[slices.Index(x.hosts, h)]
	var err error
	switch s.kind {
	case strangerOnPort:
		err = x.observer.meet(h, name, nil, startPort+s.size%limit)
	case strangerWithName:
		err = x.observer.meet(h, fmt.Sprintf("wrp_%.8s_%d", id, newest+1+int64(s.size%5)), nil, 0)
	default:
		labels := map[string]string{labelDatabase: id, labelSession: strconv.Itoa(1e6 + s.size), labelNonce: "x"}
		_, err = h.Stranger(name, labels, 0)
	}
	return err == nil
}

// provoke makes clients do at once what is delicate in a trouble.
func (x *torture) provoke(s step, host string, cutsOff bool) {
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
func (x *torture) ageCrowd(ctx context.Context, s step) (func(), bool) {
	recs := x.ledger.alive()
	if s.size%3 == 0 {
		recs = recs[:len(recs)/2]
	}
	if len(recs) == 0 {
		return nil, false
	}
	var mend []func()
	for _, h := range x.hosts {
		if end, err := h.Hurt("stubborn containers", 1); err == nil {
			mend = append(mend, end)
		}
	}
	_, err := x.observer.age(ctx, recs...)
	cleanup := x.programs.spawn(x.programs.sweeper.env, "cleanup", "--timeout", "10")
	for _, rec := range recs {
		x.nudge(rec.client, nudge{crowdTime, (*client).use})
	}
	time.Sleep(time.Duration(s.size) * freezeTime / maxSize)
	cleanup.Signal(syscall.SIGSTOP)
	time.Sleep(freezeTime)
	cleanup.Signal(syscall.SIGCONT)
	return func() {
		for _, end := range mend {
			end()
		}
	}, err == nil
}

// mendDue ends the troubles that have lasted long enough.
func (x *torture) mendDue() {
	x.mend(func(l *lasting) bool { return x.ledger.now() >= l.due })
}

// mendAll ends all troubles.
func (x *torture) mendAll() { x.mend(func(*lasting) bool { return true }) }

func (x *torture) mend(which func(*lasting) bool) {
	x.lasting = slices.DeleteFunc(x.lasting, func(l *lasting) bool {
		if !which(l) {
			return false
		}
		l.mend()
		x.ledger.finish(l.trouble)
		return true
	})
}
