package torture

import (
	"math/rand/v2"
	"time"
)

// An action is what a plan does at some time: a trouble, or a calm.
type action struct {
	pause  time.Duration // before it
	length time.Duration // what lasts is ended after that
	kind   string
	target int // which host or distributor
	size   int // more or less of it
}

// Troubles that are not a host's own.
const (
	killDistributor   = "distributor killed"
	stopDistributor   = "distributor stopped"
	freezeDistributor = "distributor frozen"
	killRepeating     = "cleanup killed"
	freezeRepeating   = "cleanup frozen"
	oneCleanup        = "one more cleanup"
	killCleanup       = "one more cleanup, killed"
	killDatabase      = "database killed"
	stopDatabase      = "database stopped"
	freezeDatabase    = "database frozen"
	killContainers    = "containers die"
	killAllContainers = "host restarts"
	foreignOnPort     = "foreign container on our next port"
	foreignWithName   = "foreign container with our next name"
	strayContainer    = "container of ours without a session"
	manyIdle          = "many sessions look idle"
	killWaiting       = "waiting containers die"
	pauseWaiting      = "waiting containers are paused"
	endLease          = "lease is lost"
	manyUnused        = "many sessions look long unused"
	calm              = "calm" // not a trouble: all troubles end, and what is left is looked at
)

// serviceKinds are the troubles of the programs and the database.
var serviceKinds = []kind{
	{name: killDistributor, longest: 2 * time.Second},
	{name: stopDistributor, longest: 2 * time.Second},
	{name: freezeDistributor, longest: 3 * time.Second},
	{name: killRepeating, longest: 2 * time.Second},
	{name: freezeRepeating, longest: 3 * time.Second},
	{name: oneCleanup}, {name: killCleanup, longest: time.Second / 2},
	{name: killDatabase, longest: time.Second},
	{name: stopDatabase, longest: time.Second},
	{name: freezeDatabase, longest: 2 * time.Second},
	{name: killContainers}, {name: killContainers}, {name: killAllContainers},
	{name: foreignOnPort}, {name: foreignWithName}, {name: strayContainer},
	{name: manyIdle, longest: 3 * time.Second}, {name: manyIdle, longest: 3 * time.Second},
}

// warmKinds are the troubles of containers that wait for clients.
var warmKinds = []kind{{name: killWaiting}, {name: killWaiting}, {name: pauseWaiting}, {name: endLease}}

// gatewayKinds are the troubles of sessions behind gateways.
var gatewayKinds = []kind{{name: manyUnused}, {name: manyUnused}}

// kindsOf returns the troubles of what is switched on.
func kindsOf(o options) []kind {
	kinds := append([]kind{}, serviceKinds...)
	if o.warm > 0 {
		kinds = append(kinds, warmKinds...)
	}
	if o.gateway {
		kinds = append(kinds, gatewayKinds...)
	}
	if o.letsPeopleIn() {
		kinds = append(kinds, portalKinds...)
	}
	if o.comeAndGo() {
		kinds = append(kinds, leavingKinds...)
	}
	return kinds
}

const (
	longRun    = time.Minute // from here on there is time for slow troubles
	shortPause = 250 * time.Millisecond
	longPause  = 500 * time.Millisecond
	calmEvery  = 24 // actions
	calmReal   = 8  // where actions take longer
	maxSize    = 1000
	targets    = 60 // divided by any small number of hosts
)

// plan makes the troubles of a run: every kind as often as any other, in any
// order, now and then a calm. The same seed makes the same plan. It is longer
// than the run, as making troubles and being calm take time too.
func plan(rng *rand.Rand, kinds []kind, duration time.Duration, calmEvery int) []action {
	long := duration >= longRun
	pause := shortPause
	if long {
		pause = longPause
	}
	var deck []kind
	var actions []action
	for n := calmEvery / 2; time.Duration(len(actions)) < 2*duration/pause; n++ {
		wait := pause/2 + time.Duration(rng.Int64N(int64(pause)))
		if n%calmEvery == 0 {
			actions = append(actions, action{pause: wait, kind: calm})
			continue
		}
		if len(deck) == 0 {
			deck = shuffle(rng, kinds, long)
		}
		k := deck[0]
		deck = deck[1:]
		length := k.longest/5 + time.Duration(rng.Int64N(int64(k.longest)+1))*4/5
		if k.name == freezeDistributor && long && rng.IntN(4) == 0 {
			length = tooLate // longer than its own starts may take
		}
		actions = append(actions, action{wait, length, k.name, rng.IntN(targets), rng.IntN(maxSize)})
	}
	return actions
}

func shuffle(rng *rand.Rand, kinds []kind, long bool) []kind {
	var deck []kind
	for _, k := range kinds {
		if long || !k.slow {
			deck = append(deck, k)
		}
	}
	rng.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
	return deck
}
