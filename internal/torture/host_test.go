package torture

import (
	"time"

	"wrpdistributor/internal/proctest"
)

// The labels of our containers, as operators see them.
const (
	labelDatabase = "wrpdistributor.database"
	labelSession  = "wrpdistributor.session"
	labelNonce    = "wrpdistributor.claim"
)

// A host is what the torture needs of a container host. Its methods are called
// by the torture and by the observer at once.
type host interface {
	// Entry says how distributors get there.
	Entry() entry

	// Look returns all containers, in whatever trouble the host is.
	Look() ([]container, error)

	// Kill ends containers as if they did so by themselves.
	Kill(ids ...string)

	// Pause takes the processor from containers.
	Pause(ids ...string)

	// Foreign starts a container that is none of ours, or at least none that
	// the service knows. With port 0 it publishes none.
	Foreign(name string, labels map[string]string, port int) (id string, err error)

	// Kinds returns the troubles that the host can be in.
	Kinds() []kind

	// Disturb begins a trouble and returns how to end it. The size makes it more or
	// less of it.
	Disturb(kind string, size int) (end func(), err error)
}

// An entry is what operators and clients know of a host.
type entry struct {
	proctest.Host
	Address string // what clients connect to
}

// A container is a container as its engine shows it.
type container struct {
	ID         string
	Name       string
	DatabaseID string // the label
	Session    int64  // the label; 0: none
	Token      string // of WRP
	Created    time.Time
	Running    bool // paused ones too
	Paused     bool
}

// A kind is a trouble that a host can be in.
type kind struct {
	name    string
	longest time.Duration // zero: it is over at once
	cutsOff bool          // nobody reaches the host's containers
	slow    bool          // takes too long for a short run
}

// tokenOf finds WRP's secret in its command line.
func tokenOf(args []string) string {
	for i, a := range args {
		if a == "-token" && i+1 < len(args) {
			return args[i+1]
		}
	}
	return ""
}

// limitsOf returns how many containers each host may run. A fifth of the clients
// finds no place, or fewer where containers are to wait for them. The first host
// is the largest.
func limitsOf(o options, hosts int) []int {
	least := max(2, o.warm)
	total, places := 0, o.clients*4/5+o.warm*hosts
	if o.letsPeopleIn() {
		places += accountsOfPeople
	}
	var limits []int
	for i := range hosts {
		limit := max(least, (places-total)/2)
		if i == hosts-1 {
			limit = max(least, places-total)
		}
		limits = append(limits, limit)
		total += limit
	}
	return limits
}
