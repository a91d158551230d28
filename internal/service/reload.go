package service

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"wrpdistributor/internal/clock"
	"wrpdistributor/internal/config"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/reaper"
	"wrpdistributor/internal/reminder"
	"wrpdistributor/internal/session"
)

const (
	dismissEvery = 2 * time.Second // hosts that leave are looked at
	cleanEvery   = time.Minute
	countTimeout = 5 * time.Second // for sessions, in the answer to a reload
)

// errPretends means that there is no file of hosts.
var errPretends = errors.New("pretend hosts stand in no file")

// A Reloader reads the hosts again when told to, and sees off those that leave.
type Reloader struct {
	Service *Service
	Origin  *config.Origin // nil: the hosts are pretended
	Config  *config.Config
	Cleans  bool // nobody else in this process cleans up
	Log     *slog.Logger

	mu sync.Mutex // one reload at a time
}

// Reload reads HOSTS_FILE again, and makes what it says the pool's hosts. After an error
// nothing is changed.
func (r *Reloader) Reload(ctx context.Context) (operator.Reloaded, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	done := operator.Reloaded{Process: nameOf(r.Service.Process), Leaving: []operator.Leaving{}}
	if r.Origin == nil {
		return done, errPretends
	}
	list, err := r.Origin.Hosts()
	if err != nil {
		return done, err
	}
	change, err := r.Service.Pool.Reconfigure(list)
	if err != nil {
		return done, err
	}
	done.Joined, done.Changed, done.Restart = listed(change.Joined), listed(change.Changed), listed(r.Origin.Changed())
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	for _, host := range r.Service.Pool.Leaving() {
		done.Leaving = append(done.Leaving, operator.Leaving{Host: host, Sessions: r.sessionsOn(ctx, host)})
	}
	r.announce(ctx, done)
	return done, nil
}

// Postpone looks whether HOSTS_FILE is good, for a process that waits for its database,
// and reads the file when that answers.
func Postpone(p database.Process, origin *config.Origin) (operator.Reloaded, error) {
	later := operator.Reloaded{Process: nameOf(p), Joined: []string{}, Changed: []string{}, Leaving: []operator.Leaving{}, Later: true}
	if origin == nil {
		return later, errPretends
	}
	_, err := origin.Hosts()
	later.Restart = listed(origin.Changed())
	return later, err
}

// announce tells the log and other processes what was done.
func (r *Reloader) announce(ctx context.Context, done operator.Reloaded) {
	r.Log.InfoContext(ctx, "hosts reloaded", "joined", done.Joined, "changed", done.Changed, "leaving", r.Service.Pool.Leaving())
	if len(done.Restart) > 0 {
		r.Log.WarnContext(ctx, "settings changed that count after a restart only", "names", done.Restart)
	}
	r.tellOthers(ctx)
}

// tellOthers says in the process's row which hosts it has, and which of them leave: who does
// not know these leaves their sessions to this process.
func (r *Reloader) tellOthers(ctx context.Context) {
	gone := r.Service.Pool.Leaving()
	list := slices.DeleteFunc(r.Service.Pool.Hosts(), func(h hosts.Host) bool { return slices.Contains(gone, h.Name) })
	pool := describePool(list, r.Config.StartPort, gone...)
	if err := r.Service.DB.SetPool(ctx, r.Service.Process.ID, pool); err != nil {
		r.Log.WarnContext(ctx, "others are not told of the new hosts", "err", err)
	}
}

// listed is the list, or an empty one: nobody has to know of null.
func listed(names []string) []string { return append([]string{}, names...) }

// sessionsOn returns how many sessions of clients stand on a host; nil: the database does
// not say.
func (r *Reloader) sessionsOn(ctx context.Context, host string) *int {
	rows, err := r.Service.Store.OnHost(ctx, host)
	if err != nil {
		return nil
	}
	rows = slices.DeleteFunc(rows, func(s session.Session) bool { return s.ClientIP == "" })
	return new(len(rows))
}

// Run sees off hosts that leave until ctx is done: cleans them, since a cleanup elsewhere
// does not know them any more, and forgets those that have nothing left.
func (r *Reloader) Run(ctx context.Context) error {
	var trouble reminder.Trouble
	var cleaned time.Time
	for clock.Sleep(ctx, dismissEvery) == nil {
		leaving := r.Service.Pool.Leaving()
		if len(leaving) == 0 {
			continue
		}
		if time.Since(cleaned) >= cleanEvery {
			cleaned = time.Now()
			r.clean(ctx, leaving, &trouble)
		}
		for _, host := range leaving {
			if r.isEmpty(ctx, host) && r.Service.Pool.Dismiss(host) {
				r.Log.InfoContext(ctx, "host has left", "host", host)
				r.tellOthers(ctx)
			}
		}
	}
	return nil
}

// clean stops what waits for clients on hosts that leave, and makes a pass there.
func (r *Reloader) clean(ctx context.Context, leaving []string, trouble *reminder.Trouble) {
	for _, host := range leaving {
		waiting, err := r.Service.Store.WaitingOn(ctx, host)
		if err != nil {
			return // the pass says it
		}
		for _, s := range waiting {
			if _, err := r.Service.Sessions.StopSession(ctx, &s); err != nil {
				r.Log.WarnContext(ctx, "stop warm container on a host that leaves failed; will retry", "session", s.ID, "host", host, "err", err)
			}
		}
	}
	if r.Cleans {
		r.Service.Reaper.LogPass(ctx, reaper.Options{Idle: r.Config.CleanupTimeout, MaxAge: r.Config.MaxSessionAge, Hosts: leaving}, trouble)
	}
}

// isEmpty reports whether a host that leaves has neither sessions nor, if it answers,
// containers of ours, and nobody is left who may have been about to start one there.
func (r *Reloader) isEmpty(ctx context.Context, host string) bool {
	has := func() bool {
		rows, err := r.Service.Store.OnHost(ctx, host)
		return err != nil || len(rows) > 0
	}
	if has() || r.Service.Sessions.AwaitStarters(ctx) != nil || has() {
		return false
	}
	containers, _, err := r.Service.Pool.List(ctx, host)
	return err != nil || len(containers) == 0 || r.areKnown(ctx, containers)
}

// areKnown reports whether each container is some session's: then the engine has another
// name as well, and the session is there. What no session knows is cleaned before the host
// goes.
func (r *Reloader) areKnown(ctx context.Context, containers []hosts.Container) bool {
	rows, err := r.Service.Store.All(ctx)
	if err != nil {
		return false
	}
	for _, c := range containers {
		if !slices.ContainsFunc(rows, func(s session.Session) bool { return s.ID == c.Session && s.Nonce == c.Nonce }) {
			return false
		}
	}
	return true
}
