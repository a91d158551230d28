package operator

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"
	"unicode"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/session"
)

// Beginnings and ends of sentences.
const (
	nobody   = "Nobody gets a new session: "
	noWrites = "the database takes no writes."
	doubtful = "A client may not get a session: starts fail on all hosts that take any."
)

// sentence says whether a client could get a session now, and if not what keeps it
// from that first of all.
func (l state) sentence() (takes bool, text string) {
	switch {
	case !l.isServed():
		return false, nobody + "no distributor works with this database."
	case l.now.Pause != nil:
		return false, nobody + "paused since " + moment(l.now.Pause.Since) + "."
	case l.writes != nil:
		return false, nobody + noWrites
	case l.now.Remaining > 0 && l.allFail():
		return false, doubtful
	case l.now.Remaining == 1:
		return true, "A client can get a session now: 1 slot is free."
	case l.now.Remaining > 0:
		return true, fmt.Sprintf("A client can get a session now: %d slots are free.", l.now.Remaining)
	case l.anyTakes():
		return false, nobody + "all is full" + l.down() + "."
	}
	return false, nobody + "no host takes sessions."
}

// down says how many hosts could have helped.
func (l state) down() string {
	n := 0
	for _, st := range l.now.Hosts {
		if st.State.IsDown() {
			n++
		}
	}
	switch n {
	case 0:
		return ""
	case 1:
		return ", and 1 host is down"
	}
	return fmt.Sprintf(", and %d hosts are down", n)
}

// counted is a number of things.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// isServed reports whether any process that clients could ask lives. Cleanup is none.
func (l state) isServed() bool {
	return slices.ContainsFunc(l.processes, func(p Process) bool { return p.State == Running && serves(p) })
}

func serves(p Process) bool { return p.Answers || p.Kind != "cleanup" }

func (l state) anyTakes() bool { return slices.ContainsFunc(l.now.Hosts, takes) }

// failsAfter is how many starts have to fail in a row before the next is not promised.
const failsAfter = 2

// allFail reports whether wherever a client could go its container would have to be
// started, and starts have failed there.
func (l state) allFail() bool {
	return !slices.ContainsFunc(l.now.Hosts, func(st session.HostState) bool {
		return st.Free > 0 && (st.Warm > 0 || st.Failing == nil || st.Failing.Times < failsAfter)
	})
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// wrong is all that is, the worst first.
func (l state) wrong() []Wrong {
	list := make([]Wrong, 0) // so that there is a list in JSON too
	if hanging := l.hanging(); len(hanging) > 0 {
		list = hanging
	} else if !l.isServed() {
		list = append(list, Wrong{"No distributor works with this database.", "systemctl start wrp-distributor   # the package; elsewhere as it was begun: make up, make run"})
	}
	if p := l.now.Pause; p != nil {
		list = append(list, Wrong{fmt.Sprintf("New sessions are paused since %s: %s", moment(p.Since), p.Reason), "distributor resume"})
	}
	if l.writes != nil {
		list = append(list, Wrong{l.writes.sentence(), l.writes.command})
	}
	list = append(list, l.wrongHosts()...)
	if l.now.Remaining == 0 && l.anyTakes() {
		list = append(list, Wrong{"All hosts that take sessions are full: stop sessions that nobody uses (LAST USED has the oldest first), raise MAX_CONTAINERS_RUNNING, or add a host.", "distributor sessions list --unused"})
	}
	return slices.Concat(list, l.notCleaned(), l.unknownHosts(), l.silent(), l.otherPools())
}

// cleanedWithin is how often cleanup should pass, whoever runs it.
const cleanedWithin = 30 * time.Minute

func (l state) notCleaned() []Wrong {
	at := l.now.Cleaned
	if at.IsZero() || time.Since(at) < cleanedWithin {
		return nil
	}
	return []Wrong{{fmt.Sprintf("Nobody has cleaned up since %s: sessions that nobody uses keep their slots. Set CLEANUP_EVERY=1m, or let cron run cleanup.", moment(at)), "cleanup"}}
}

// wrongHosts begins with those that are down.
func (l state) wrongHosts() (list []Wrong) {
	states := slices.Clone(l.now.Hosts)
	slices.SortStableFunc(states, func(a, b session.HostState) int { return cmp.Compare(severity(a), severity(b)) })
	for _, st := range states {
		name := "Host " + st.Host.Name
		switch {
		case st.State.IsDown() && st.Leaving:
			list = append(list, Wrong{fmt.Sprintf("%s is leaving, and down since %s: %s. Its sessions end when it answers, or are given up.", name, moment(st.Since), hosts.Cause(st.Reason)), "cleanup --forget-host " + st.Host.Name})
		case st.State.IsDown():
			list = append(list, Wrong{fmt.Sprintf("%s is down since %s: %s.", name, moment(st.Since), hosts.Cause(st.Reason)), lookThere(st)})
		case st.State == hosts.NoImage:
			list = append(list, Wrong{fmt.Sprintf("%s takes no sessions: %s.", name, st.Reason), "distributor hosts pull " + st.Host.Name})
		case st.Drained != nil:
			list = append(list, Wrong{fmt.Sprintf("%s is drained since %s%s.", name, moment(st.Drained.Since), because(st.Drained.Reason)), "distributor hosts undrain " + st.Host.Name})
		case st.Failing != nil:
			list = append(list, Wrong{fmt.Sprintf("%s: %s.", name, strings.TrimSuffix(describe(st).Failing.String(), ".")), mendStart(st)})
		}
		if st.Host.TLS != nil && st.NoTLS != "" {
			list = append(list, Wrong{fmt.Sprintf("%s serves no TLS: %s.", name, st.NoTLS), check(st.Host)})
		}
	}
	return list
}

func severity(st session.HostState) int {
	switch {
	case st.State.IsDown():
		return 0
	case st.State == hosts.NoImage:
		return 1
	case st.Failing != nil:
		return 2
	}
	return 3
}

// mendStart is the command against what containers do not start for, if that is known, or
// one that finds it out.
func mendStart(st session.HostState) string {
	if command := hosts.Mend(st.Failing.Why); command != "" {
		return hosts.OnHost(st.Host, command)
	}
	return check(st.Host)
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + strings.TrimSuffix(reason, ".")
}

// lookThere is the command that makes room, or a host's key known, if that is what is
// missing, or finds out why a host is down.
func lookThere(st session.HostState) string {
	if command := hosts.Mend(st.Reason); command != "" {
		return hosts.OnHost(st.Host, command)
	}
	_, after, found := strings.Cut(st.Reason, "is unknown; add it to ")
	file, _, named := strings.Cut(after, " (ssh-keyscan)")
	// The reason may be in a host's words, and people type what is returned.
	if !found || !named || !isPlain(file) || st.State != hosts.Unreachable || st.Host.SSH == nil {
		return check(st.Host)
	}
	host, port, err := net.SplitHostPort(st.Host.SSH.Addr)
	if err != nil {
		host, port = st.Host.Name, "22"
	}
	return fmt.Sprintf("ssh-keyscan -p %s %s >> %s   # once compared: %s says with what", port, host, file, check(st.Host))
}

// isPlain reports whether a shell takes a path for nothing else.
func isPlain(path string) bool {
	return path != "" && !strings.ContainsFunc(path, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("/._-", r)
	})
}

// check is the command that goes the way to a host step by step.
func check(h hosts.Host) string { return "distributor hosts check " + h.Name }

// unknownHosts are those that have sessions, and are not configured here.
func (l state) unknownHosts() (list []Wrong) {
	known := make(map[string]bool)
	for _, st := range l.now.Hosts {
		known[st.Host.Name] = true
	}
	for _, host := range slices.Sorted(maps.Keys(l.now.PerHost)) {
		if !known[host] {
			list = append(list, Wrong{fmt.Sprintf("Host %s has %s, and is not configured: put it back, or give up what it has.", host, counted(l.now.PerHost[host], "session")), "cleanup --forget-host " + host})
		}
	}
	return list
}

// hanging are processes of this machine that live, and answer nothing.
func (l state) hanging() (list []Wrong) {
	for _, p := range l.processes {
		if p.State == Silent && p.hangs {
			list = append(list, Wrong{fmt.Sprintf("%s on %s does not answer at its control socket: it hangs, or was stopped.", p.Kind, p.Machine), "systemctl restart wrp-distributor"})
		}
	}
	return list
}

// silent are processes that were killed, unless another has taken their place.
func (l state) silent() (list []Wrong) {
	for _, p := range l.processes {
		replaced := slices.ContainsFunc(l.processes, func(q Process) bool {
			return q.Kind == p.Kind && machine(q) == machine(p) && q.Started.After(p.Started)
		})
		if p.State == Silent && !p.hangs && !replaced {
			list = append(list, Wrong{fmt.Sprintf("%s on %s was last seen %s, and did not say that it ended.", p.Kind, p.Machine, moment(p.Seen)), ""})
		}
	}
	return list
}

// machine is where a process runs, without its number.
func machine(p Process) string {
	name, _, _ := strings.Cut(p.Machine, " (process ")
	return name
}

// otherPools are processes that work with other hosts, limits or ports than the one
// that answers.
func (l state) otherPools() (list []Wrong) {
	i := slices.IndexFunc(l.processes, func(p Process) bool { return p.Answers })
	if i < 0 {
		return nil
	}
	ours := l.processes[i].Pool
	for _, p := range l.processes {
		if p.State == Running && p.Pool != ours {
			list = append(list, Wrong{fmt.Sprintf("%s on %s works with another pool than this one (%s): %s.", p.Kind, p.Machine, ours, p.Pool), "distributor config check"})
		}
	}
	return list
}
