package bench

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
)

const (
	sparePorts = 16 // as the service has it, if nobody says otherwise
	rawPorts   = 16 // for containers that are started without it

	worldTime  = 5 * time.Minute        // until all of many hosts are up, on a slow machine
	statePause = 200 * time.Millisecond // the answer costs the distributor a look at all sessions
)

// dialects are what everything is measured on.
func dialects() []string { return []string{"sqlite", "mysql"} }

// A plan says what a world is like.
type plan struct {
	dialect  string
	hosts    int
	perHost  int // containers that a host may have; 0: enough for the sessions, and some more
	sessions int
	gateway  bool
	unused   time.Duration // for how long the sessions were not used
	env      []string
}

// room is how many containers a host has room for, beside those that are there.
const room = 40

func (p plan) limit() int {
	if p.perHost > 0 {
		return p.perHost
	}
	return (p.sessions+p.hosts-1)/p.hosts + room
}

// A world is pretend hosts with containers, the database that has their sessions, and
// the service on them.
type world struct {
	plan
	t        *testing.T
	b        *bench
	farm     *farm
	db       *database.DB
	crowd    crowd
	commands *proctest.Commands
	rawPort  int // of the first that the service does not use

	proc    *proctest.Process
	addr    string // host:port of the distributor
	through string // host:port of its gateway
}

// newWorld makes a world with its sessions. No distributor runs yet: what it reckons
// from the rows it does when it starts.
func (b *bench) newWorld(t *testing.T, p plan) *world {
	t.Helper()
	w := &world{plan: p, t: t, b: b, farm: startFarm(t, p.hosts), commands: b.commands.For(t)}
	cfg := b.database(t, p.dialect)
	w.db = databasetest.Open(t, cfg)
	id, err := w.db.DatabaseID(b.ctx)
	if err != nil {
		t.Fatal(err)
	}
	port := proctest.FreeRange(t, w.limit()+sparePorts+rawPorts)
	w.rawPort = port + w.limit() + sparePorts
	w.crowd = crowd{Database: id, N: p.sessions, Port: port, Gateway: p.gateway, Unused: p.unused}
	w.seed()
	w.configure(cfg)
	return w
}

// seed starts the containers of the crowd and inserts its rows.
func (w *world) seed() {
	w.t.Helper()
	containers, err := w.farm.run(w.b.ctx, w.crowd)
	if err == nil {
		err = w.crowd.seed(w.b.ctx, w.db, names(w.farm.hosts), containers)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) configure(cfg database.Config) {
	w.t.Helper()
	w.addr, w.through = proctest.FreeAddr(w.t), proctest.FreeAddr(w.t)
	w.commands.UseHosts(w.farm.entries(w.t)...)
	w.commands.Env = append(append(w.commands.Env, w.env...),
		"AUTH_TOKEN="+authToken,
		"LISTEN="+w.addr,
		"SESSION_DATABASE_DSN="+dsnOf(cfg),
		"MAX_CONTAINERS_RUNNING="+strconv.Itoa(w.limit()),
		"START_PORT="+strconv.Itoa(w.crowd.Port),
		"WRP_IMAGE="+hoststest.Image,
		"WRP_ARGS="+w.b.wrpArgs(),
		"STOP_TIMEOUT=1s",
		"CONNECT_TIMEOUT=30s", // all hosts log in at once, and some would wait for their next try
	)
	if w.gateway {
		w.commands.Set("GATEWAY_LISTEN", w.through)
	}
}

// serve starts the distributor, and returns when all hosts take sessions.
func (w *world) serve() *world {
	w.t.Helper()
	w.proc = w.commands.Start("distributor")
	proctest.AwaitReady(w.t, w.proc, "http://"+w.addr)
	w.await("all hosts to be up", func(s state) bool {
		return !slices.ContainsFunc(s.Hosts, func(h hostState) bool { return !h.Takes })
	})
	return w
}

// A state is what the distributor says of itself.
type state struct {
	Sessions   int         `json:"activeSessions"`
	Containers int         `json:"containersRunning"`
	Hosts      []hostState `json:"hosts"`
}

type hostState struct {
	Takes bool `json:"takesSessions"`
	Warm  int  `json:"warm"`
}

func (s state) warm() (n int) {
	for _, h := range s.Hosts {
		n += h.Warm
	}
	return n
}

// await waits until the distributor says what is wanted.
func (w *world) await(what string, is func(state) bool) {
	w.t.Helper()
	var last string
	for deadline := time.Now().Add(worldTime); time.Now().Before(deadline); {
		a, err := proctest.Do(w.b.ctx, proctest.Request{Method: http.MethodGet, URL: "http://" + w.addr + "/?format=json", Token: authToken, Agent: "AmiFox (bench)"})
		var s state
		if err == nil {
			err = json.Unmarshal([]byte(a.Body), &s)
		}
		if err == nil && is(s) {
			return
		}
		last = fmt.Sprintf("%.2000s, %v", a.Body, err)
		select {
		case <-w.b.ctx.Done():
			w.t.Fatal("interrupted")
		case <-w.proc.Done():
			w.t.Fatalf("the distributor has ended:\n%s", w.proc.Output())
		case <-time.After(statePause):
		}
	}
	w.t.Fatalf("waited for %s, still %s\n%s", what, last, tail(w.proc.Output()))
}

// settled waits until there are the crowd and what is warm, and nothing else.
func (w *world) settled(warm int) {
	w.t.Helper()
	w.await("the crowd alone", func(s state) bool {
		return s.Sessions == w.sessions && s.warm() == warm && s.Containers == w.sessions+warm
	})
}

func tail(text string) string { return text[max(0, len(text)-3000):] }

// end ends the distributor. Its sessions stay.
func (w *world) end() { w.proc.Kill() }

// count names a number of things as people write it.
func count(n int, things string) string {
	text := strconv.Itoa(n)
	if len(text) > 3 {
		text = text[:len(text)-3] + "," + text[len(text)-3:]
	}
	if n == 1 {
		things = strings.TrimSuffix(things, "s")
	}
	return text + " " + things
}

// dsnOf names a database as operators do.
func dsnOf(cfg database.Config) string {
	if cfg.MySQL != nil {
		return cfg.MySQL.FormatDSN()
	}
	return "sqlite:" + cfg.Path
}
