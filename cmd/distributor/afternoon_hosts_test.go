package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"wrpdistributor/internal/operator"
)

// takesHosts has two hosts join by the file of hosts.
func (a *afternoon) takesHosts() {
	a.t.Helper()
	a.WriteHostsFile(a.lines...)
	out := a.run(0, "distributor", "reload")
	if n := strings.Count(out, "  joined: "+a.name(large)+", "+a.name(small)+"\n"); n != len(a.procs) {
		a.t.Errorf("reload says of %d processes that hosts joined, want %d\n%s", n, len(a.procs), out)
	}
	a.eventually("all hosts take sessions", func() bool {
		all := answer[operator.Hosts](a, 0, "hosts list").Hosts
		return len(all) == len(a.hosts) && !slices.ContainsFunc(all, func(h operator.Host) bool { return !h.Takes })
	})
	a.await("a container waits on each host that joined", func(waits []operator.Session) bool { return len(waits) == 2 })
}

// says answers what an operator is asked each day, by one command each.
func (a *afternoon) says() {
	a.t.Helper()
	a.want("who uses what?", a.run(0, "distributor", "sessions", "list", "--client", anna.address), anna.address+"#", anna.agent, a.name(spare), "running")
	week := a.run(0, "distributor", "statistics")
	a.want("how full was the week?", week, "In the last 7 days on average ", " sessions (", "), at most 7; those were seen between ", " 100 % ")
	if told := answer[operator.Statistics](a, 0, "statistics"); told.Samples < 4 || told.MostSessions != 7 || len(told.Steps) < 4 {
		a.t.Errorf("statistics --json: %+v, want the four steps of before at least", told)
	}
}

// losesAHost stops the sshd of one. Status has the cause, and what to type; monitoring
// knows; and what is typed finds the step.
func (a *afternoon) losesAHost() {
	a.t.Helper()
	a.hosts[large].Kill()
	down := "Host " + a.name(large) + " is down since "
	a.tells("status", "A client can get a session now", down)
	a.metric(`wrpdistributor_host_up{host="`+a.name(large)+`"}`, "0")
	check := a.types(1, a.mend(0, down))
	a.want("hosts check", check, a.name(large)+"\n", "PASSED   name", "FAILED   connection", "refused", "mend it, ")
}

// metric waits until monitoring tells such a value, by the first distributor.
func (a *afternoon) metric(name, value string) {
	a.t.Helper()
	line := regexp.MustCompile("(?m)^" + regexp.QuoteMeta(name) + " " + value + "$")
	a.eventually("metrics tell "+line.String(), func() bool { return line.MatchString(a.scrape(a.base+"/metrics", metricsToken)) })
}

// fillsUp has people come until nothing is free. It returns the id of the refusal, which
// tells of each host why carla had no place there.
func (a *afternoon) fillsUp() (refused string) {
	a.t.Helper()
	for i := range answer[operator.Status](a, 0, "status").Free {
		a.come("PUT", person{fmt.Sprintf("AmiFox (crowd %d)", i), fmt.Sprintf("198.51.100.%d", i)}, 202)
	}
	page := a.come("PUT", carla, 503)
	refused = page.Header.Get("X-Request-Id")
	if !strings.Contains(page.Body, refused) || page.Header.Get("Retry-After") == "" {
		a.t.Errorf("carla is told %q, want the id %s and when to come again", page.Body, refused)
	}
	a.tells("why "+refused, "Client "+carla.address+"#", "refused: ", a.name(spare)+" full 1/1", a.name(large)+" down since ", a.name(small)+" full 2/2", "told to come back in ")
	a.tells("journal --since 2h --kind refused", refused, carla.address)
	a.want("status", a.run(1, "distributor", "status"), "Nobody gets a new session: all is full, and 1 host is down.")
	a.metric(`wrpdistributor_session_refusals_total{reason="full"}`, "1")
	return refused
}

// mendsTheHost starts its sshd again. It takes sessions by itself.
func (a *afternoon) mendsTheHost() {
	a.t.Helper()
	a.hosts[large].Start()
	a.eventually("the host is back", func() bool {
		out, err := a.Command("distributor", "status").CombinedOutput()
		return err == nil && !strings.Contains(string(out), "What is wrong")
	})
	a.metric(`wrpdistributor_host_up{host="`+a.name(large)+`"}`, "1")
	a.come("PUT", carla, 202)
}

// drains takes one host out of service, ends those who are left there, and takes it in
// again by what status says.
func (a *afternoon) drains() {
	a.t.Helper()
	name := a.name(small)
	a.want("drain", a.run(0, "distributor", "hosts", "drain", name, "--reason", "new disk"), "Sessions that it still has: 2.")
	a.want("status", a.run(0, "distributor", "status"), "Host "+name+" is drained since ", "new disk")
	a.come("PUT", dora, 202)
	if list := a.sessions(dora); len(list) != 1 || list[0].Host != a.name(large) {
		a.t.Errorf("dora has %+v, want a session on %s, where room is left", list, a.name(large))
	}
	a.want("stop of those on a host", a.run(0, "distributor", "sessions", "stop", "--host", name), "Stopping 2 sessions.", "gone: 2. Not stopped: 0.")
	a.want("undrain", a.types(0, a.mend(0, "Host "+name+" is drained since ")), name+" takes sessions again")
}

// updatesWRP has all hosts pull a newer image. What waits is replaced, who comes gets it,
// who was there keeps the old one.
func (a *afternoon) updatesWRP() {
	a.t.Helper()
	old, newer := a.release.ID(), a.release.Newer()
	a.await("a container of the old image waits", func(waits []operator.Session) bool { return len(waits) > 0 })
	all := answer[struct{ Hosts []pulled }](a, 0, "hosts pull")
	for _, p := range all.Hosts {
		if p.After != newer || p.Before != old && p.Before != newer {
			a.t.Errorf("hosts pull: %+v, want %s in place of %s", p, newer, old)
		}
	}
	if len(all.Hosts) != len(a.hosts) {
		a.t.Errorf("hosts pull: %d hosts, want all %d", len(all.Hosts), len(a.hosts))
	}
	a.await("what waits is of the newer image", func(waits []operator.Session) bool {
		return len(waits) > 0 && !slices.ContainsFunc(waits, func(s operator.Session) bool { return a.imageOf(s) != newer })
	})
	a.come("PUT", emil, 202)
	if got := a.imageOf(a.sessions(emil)[0]); got != newer {
		a.t.Errorf("emil's session is of %s, want %s", got, newer)
	}
	if got := a.imageOf(a.sessions(anna)[0]); got != old {
		a.t.Errorf("anna's session is of %s, want the %s that it began with", got, old)
	}
}

// await waits until the containers that wait for a client are as they should be.
func (a *afternoon) await(what string, holds func(waits []operator.Session) bool) {
	a.t.Helper()
	a.eventually(what, func() bool {
		waits := slices.DeleteFunc(a.sessions(person{}), func(s operator.Session) bool { return s.State != "warm" })
		return holds(waits)
	})
}

// endsOnesSession ends that of dora, whose container is gone when the command returns.
func (a *afternoon) endsOnesSession() {
	a.t.Helper()
	session := a.sessions(dora)[0]
	out := a.run(0, "distributor", "sessions", "stop", "--client", dora.address)
	a.want("stop of a person's session", out, dora.agent, "Stopping 1 session.", "gone: 1. Not stopped: 0.")
	if left := a.container(session); left != "" {
		a.t.Errorf("dora's container %s is left after the stop", left)
	}
	a.tells("why "+dora.address, "ended by an operator")
	a.come("DELETE", dora, 204)
}
