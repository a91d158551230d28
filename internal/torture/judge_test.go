package torture

import (
	"fmt"
	"time"
)

// extraPorts may be used above a host's range where foreign containers hold ports in it.
const extraPorts = 16

// A row is a session as the database has it.
type row struct {
	ID        int64     `db:"id"`
	State     string    `db:"state"`
	Host      string    `db:"containerHost"`
	Slot      int       `db:"slot"`
	Port      int       `db:"port"`
	Token     string    `db:"token"`
	Container string    `db:"wrpContainerId"`
	Identity  string    `db:"identity"` // empty: nobody's
	Started   time.Time `db:"started"`
	Frozen    bool      `db:"frozen"`
	Account   string    `db:"account"`         // empty: of a client without one
	Agent     string    `db:"clientUserAgent"` // of an account: who it is
}

// waits reports whether it is for a client still to come.
func (r row) waits() bool { return r.State == "warming" || r.State == "warm" }

func (r row) String() string {
	state := r.State
	if r.Frozen {
		state += ", frozen"
	}
	return fmt.Sprintf("session %d (%s, slot %d and port %d of %s, token %.8s)", r.ID, state, r.Slot, r.Port, r.Host, r.Token)
}

// A reading is what the database and the hosts said, in this order: rows,
// containers, rows again.
type reading struct {
	at            time.Time
	before, after []row
	rows          bool                   // the database answered both times
	containers    map[string][]container // by CONTAINER_HOSTS entry; absent: the host could not be looked at
	foreign       []foreignContainer     // that were there before all that
}

// A finding is something wrong.
type finding struct {
	rule string
	key  string // the same for the same thing
	about
	text string
}

// A judge compares readings with the rules. It is not safe for concurrent use.
type judge struct {
	databaseID string
	limits     map[string]int // by CONTAINER_HOSTS entry
	warm       int            // containers that may wait on each host
	exact      bool           // what a host shows is all of one moment
	people     *people        // nil: none

	killed    func(token string) bool    // behind the service's back
	disturbed func(about time.Time) bool // answers may have got lost at that time

	suspects map[string]time.Time // keys that all readings since then have shown
}

// A foreignContainer is a container that must never be touched.
type foreignContainer struct {
	host, id, name string
	port           int // 0: none
}

// judge returns what a reading proves to be wrong: at once what no order of
// events explains, the rest if it was shown for half a second.
func (j *judge) judge(r reading) []finding {
	var sure, maybe []finding
	if r.rows {
		sure = append(sure, j.table(r.before)...)
		sure = append(sure, j.running(r)...)
		sure = append(sure, j.people.judge(r)...)
		maybe = append(maybe, j.known(r)...)
	}
	limits := j.limited(r)
	if j.exact {
		sure = append(sure, limits...)
	} else {
		maybe = append(maybe, limits...)
	}
	sure = append(sure, j.untouched(r)...)
	suspects := make(map[string]time.Time)
	for _, f := range maybe {
		since, ok := j.suspects[f.key]
		if !ok {
			since = r.at
		}
		suspects[f.key] = since
		if ok && r.at.Sub(since) >= secondLook {
			sure = append(sure, f)
		}
	}
	j.suspects = suspects
	return sure
}

// table looks at the rows alone, which are all of one moment.
func (j *judge) table(rows []row) []finding {
	var found []finding
	seen := make(map[string]row)
	count, waiting := make(map[string]int), make(map[string]int)
	once := func(rule string, r row, what string) {
		if other, ok := seen[what]; ok {
			found = append(found, finding{rule, what, about{nobody, r.Host, r.Token}, fmt.Sprintf("%s is in the table twice: %s and %s", what, other, r)})
		}
		seen[what] = r
	}
	for _, r := range rows {
		once("I1", r, fmt.Sprintf("slot %d of %s", r.Slot, r.Host))
		once("I1", r, fmt.Sprintf("port %d of %s", r.Port, r.Host))
		if r.waits() {
			if waiting[r.Host]++; waiting[r.Host] == j.warm+1 {
				found = append(found, finding{"I1", "waiting on " + r.Host, about{nobody, r.Host, r.Token}, fmt.Sprintf("more than %d containers wait on %s", j.warm, r.Host)})
			}
		}
		if r.Identity != "" && r.waits() {
			found = append(found, finding{"I2", "somebody's " + r.Token, about{nobody, r.Host, r.Token}, fmt.Sprintf("%s waits for a client, and has one", r)})
		} else if r.Identity != "" {
			once("I2", r, "client "+r.Identity)
		} else if r.State == "claimed" || r.State == "starting" || r.State == "running" {
			found = append(found, finding{"I2", "nobody's " + r.Token, about{nobody, r.Host, r.Token}, fmt.Sprintf("%s is not being stopped, but nobody's", r)})
		}
		if r.Container != "" {
			once("I1", r, "container "+r.Container)
		}
		limit := j.limits[r.Host]
		if count[r.Host]++; count[r.Host] == limit+1 {
			found = append(found, finding{"I1", "rows of " + r.Host, about{nobody, r.Host, r.Token}, fmt.Sprintf("%s has more sessions than its limit of %d", r.Host, limit)})
		}
		if r.Slot < 0 || r.Slot >= limit || r.Port != startPort+r.Slot && (r.Port < startPort+limit || r.Port >= startPort+limit+extraPorts) {
			found = append(found, finding{"I1", "place of " + r.Token, about{nobody, r.Host, r.Token}, fmt.Sprintf("%s has a place that does not exist", r)})
		}
	}
	return found
}

// running looks whether sessions that the table calls running do run, and
// containers that wait. A row that is running before and after was so in between.
func (j *judge) running(r reading) []finding {
	still := make(map[int64]bool)
	for _, s := range r.after {
		still[s.ID] = s.State == "running" || s.State == "warm"
	}
	var found []finding
	for _, s := range r.before {
		list, looked := r.containers[s.Host]
		if s.State != "running" && s.State != "warm" || !still[s.ID] || !looked {
			continue
		}
		state := "is not there"
		for _, c := range list {
			if c.ID == s.Container {
				state = map[bool]string{true: "runs", false: "does not run"}[c.Running]
			}
		}
		// After a lost answer a starter cannot know that it has handed over.
		if state != "runs" && !j.killed(s.Token) && !j.disturbed(s.Started) {
			found = append(found, finding{"I3", "running " + s.Token, about{nobody, s.Host, s.Token}, fmt.Sprintf("%s: its container %.12s %s, and nobody killed it", s, s.Container, state)})
		}
	}
	return found
}

// known looks for containers of ours that run and have no row, not even one
// that is being stopped: whose slot was given back too early.
func (j *judge) known(r reading) []finding {
	rows := make(map[int64]bool)
	for _, s := range append(append([]row{}, r.before...), r.after...) {
		rows[s.ID] = true
	}
	var found []finding
	for host, list := range r.containers {
		for _, c := range list {
			if c.DatabaseID == j.databaseID && c.Running && c.Token != "" && !rows[c.Session] {
				found = append(found, finding{"I2 and I5", "unknown " + c.ID, about{nobody, host, c.Token},
					fmt.Sprintf("container %s (%.12s) runs on %s and has no row: its slot was given back, its client is served twice", c.Name, c.ID, host)})
			}
		}
	}
	return found
}

// limited looks at the containers alone.
func (j *judge) limited(r reading) []finding {
	var found []finding
	seen := make(map[int64]container)
	for host, list := range r.containers {
		running := 0
		for _, c := range list {
			if c.DatabaseID != j.databaseID || c.Token == "" {
				continue
			}
			if other, ok := seen[c.Session]; ok {
				found = append(found, finding{"I2", fmt.Sprintf("twice %d", c.Session), about{nobody, host, c.Token},
					fmt.Sprintf("session %d has two containers, %.12s and %.12s on %s", c.Session, other.ID, c.ID, host)})
			}
			seen[c.Session] = c
			if c.Running {
				running++
			}
		}
		if limit := j.limits[host]; running > limit {
			found = append(found, finding{"I1", "limit of " + host, about{nobody, host, ""}, fmt.Sprintf("%s runs %d of our containers, its limit is %d", host, running, limit)})
		}
	}
	return found
}

// untouched looks whether the foreign containers run.
func (j *judge) untouched(r reading) []finding {
	var found []finding
	for _, s := range r.foreign {
		list, looked := r.containers[s.host]
		there := !looked
		for _, c := range list {
			there = there || c.ID == s.id && c.Running
		}
		if !there {
			found = append(found, finding{"I5", "foreign " + s.id, about{nobody, s.host, ""}, fmt.Sprintf("the container %s on %s, which is not ours, does not run any more", s.name, s.host)})
		}
	}
	return found
}
