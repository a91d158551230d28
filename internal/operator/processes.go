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
	Silent  = "silent"  // it did not say that it ended, and is taken for dead
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

func (o operators) process(p database.KnownProcess) Process {
	state := Running
	switch {
	case p.Stopped.Valid:
		state = Stopped
	case p.Silent:
		state = Silent
	}
	out := Process{
		ID: p.ID, Kind: p.Kind, State: state, Version: p.Version, Instance: p.Instance, Machine: p.Machine,
		Started: p.Started.UTC(), Seen: p.Seen.UTC(), Gateway: p.GatewayAddress, GatewayTLS: p.GatewayTLSAddress,
		Pool: p.Pool, Answers: p.ID == o.Process,
	}
	if p.Stopped.Valid {
		out.Stopped = p.Stopped.Time.UTC()
	}
	return out
}
