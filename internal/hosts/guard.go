package hosts

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// A Guard is what is known of the hostguard that stands before a host's engine.
type Guard struct {
	Version string
	Egress  string // whether the host's table is loaded, in the guard's words
	Bare    bool   // the key reaches Docker without it, too
}

// GuardSays begins what a guard says when it refuses something.
const GuardSays = "hostguard: "

// guardsForeign is what a guard says of a container without labels, about which it tells
// no more.
const guardsForeign = GuardSays + "it is no container of a distributor"

// maxFacts bounds what a guard tells.
const maxFacts = 64 << 10

// Guard returns the host's guard; false: it has none.
func (x *Exam) Guard(ctx context.Context) (g Guard, has bool, err error) {
	limited, cancel := x.limit(ctx)
	defer cancel()
	g, has, err = x.h.engine.guard(limited)
	if !has || x.conn == nil {
		return g, has, err
	}
	bare, err := x.conn.dialBy(limited, dockerSocket)
	if err == nil {
		bare.Close()
		g.Bare = true
	}
	return g, has, limited.Err()
}

// guard asks for what an engine by itself knows nothing of.
func (e *engine) guard(ctx context.Context) (g Guard, has bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, dockerHost+"/hostguard/facts", http.NoBody)
	if err != nil {
		return g, false, err
	}
	resp, err := e.RoundTrip(r)
	if err != nil {
		return g, false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return g, false, nil
	}
	var facts struct{ Guard, Egress string }
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxFacts)).Decode(&facts); err != nil {
		return g, false, fmt.Errorf("what hostguard tells: %w", err)
	}
	return Guard{Version: inLine(facts.Guard), Egress: inLine(facts.Egress)}, true, nil
}
