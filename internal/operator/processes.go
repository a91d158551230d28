package operator

import (
	"net/http"
	"time"

	"wrpdistributor/internal/database"
)

// ProcessesPath is where [Processes] are.
const ProcessesPath = "/v1/admin/processes"

// Processes are those that work with the database, or did within the last day, in the
// order in which they started.
type Processes struct {
	Processes []Process `json:"processes"`
}

// States of a process.
const (
	Running = "running"
	Stopped = "stopped" // as it should
	Silent  = "silent"  // it did not say that it ended, and is taken for dead; or it hangs
)

// A Process is one of them.
type Process struct {
	ID         string    `json:"id"`
	Kind       string    `json:"kind"`
	State      string    `json:"state"`
	Version    string    `json:"version"`
	Instance   string    `json:"instance,omitempty"`
	Machine    string    `json:"machine,omitempty"`
	Started    time.Time `json:"started"`
	Seen       time.Time `json:"seen"`
	Stopped    time.Time `json:"stopped,omitzero"`
	Gateway    string    `json:"gateway,omitempty"`
	GatewayTLS string    `json:"gatewayTLS,omitempty"`
	Pool       string    `json:"pool,omitempty"` // the hosts, limits and ports that it works with
	Answers    bool      `json:"answers"`        // it is the one that was asked

	hangs bool // it is silent for that
}

func (o operators) processes(_ http.ResponseWriter, r *http.Request) (any, error) {
	known, err := o.Processes(r.Context())
	if err != nil {
		return nil, err
	}
	all := Processes{Processes: make([]Process, len(known))}
	for i, p := range known {
		all.Processes[i] = o.process(p)
	}
	return all, nil
}

// process describes one. That it answers, or has a control socket here, says more than a
// heartbeat, which an outage of the database keeps.
func (o operators) process(p database.KnownProcess) Process {
	state, asked := Running, p.ID != "" && p.ID == o.Process.ID
	hangs := o.Hangs != nil && o.Hangs(p.ID)
	switch {
	case asked:
	case hangs && !p.Stopped.Valid:
		state = Silent
	case p.Stopped.Valid:
		state = Stopped
	case p.Silent && !(o.Lives != nil && o.Lives(p.ID)):
		state = Silent
	}
	out := Process{
		ID: p.ID, Kind: p.Kind, State: state, Version: p.Version, Instance: p.Instance, Machine: p.Machine,
		Started: p.Started.UTC(), Seen: p.Seen.UTC(), Gateway: p.GatewayAddress, GatewayTLS: p.GatewayTLSAddress,
		Pool: p.Pool, Answers: asked, hangs: hangs,
	}
	if state == Stopped {
		out.Stopped = p.Stopped.Time.UTC()
	}
	return out
}

// itself is the process that answers, whatever the database says; a command is none.
func (o operators) itself() Process {
	p := o.Process
	p.Seen = time.Now()
	return o.process(database.KnownProcess{Process: p, Started: o.began})
}

func isAsked(p Process) bool { return p.Answers }
