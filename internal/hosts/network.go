package hosts

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"wrpdistributor/internal/clock"
)

// The network that we make. Its containers cannot reach each other by their own
// addresses; the bridge has a name so that a firewall's rules can name it. All
// services on one engine share it, for an engine has addresses for some thirty.
const (
	ownNetwork = "wrp"
	ownBridge  = "wrp0"
)

const (
	makeTries = 5 // of several that make one network at once, all but one are refused
	makePause = 100 * time.Millisecond
)

// A Network says which network of their engine containers are on. The zero value
// is one that is made where it is missing, and never removed.
type Network struct {
	Name   string       // of an operator's own, which has to be there; empty: ours
	Subnet netip.Prefix // of ours, where we make it; zero: the engine chooses
}

func (n Network) name() string {
	if n.Name != "" {
		return n.Name
	}
	return ownNetwork
}

// A newNetwork is one that we make.
type newNetwork struct {
	name, bridge string
	subnet       netip.Prefix
}

// A foundNetwork is a network as its engine describes it.
type foundNetwork struct {
	driver   string
	bridge   string // the interface's name on the host; empty: the engine's choice
	open     bool   // its containers reach each other
	internal bool   // its ports cannot be published
	ipv6     bool
}

// unfit says in words what keeps the network from being ours, or nothing.
func (f foundNetwork) unfit() string {
	switch {
	case f.driver != "bridge":
		return fmt.Sprintf("its driver is %s, want bridge", f.driver)
	case f.open:
		return "its containers can reach each other, want " + optionOpen + "=false"
	case f.bridge != ownBridge:
		return fmt.Sprintf("its bridge is %q, want %s=%s", f.bridge, optionBridge, ownBridge)
	case f.internal:
		return "it is internal, want one that is not"
	case f.ipv6:
		return "it has IPv6, want none"
	}
	return ""
}

// ensureNetwork makes sure that the host has the network that containers are to
// be on: it makes ours where it is missing. [ErrNetwork] says why there is none.
func (h *host) ensureNetwork(ctx context.Context) error {
	want := h.cfg.Container.Network
	found, err := h.engine.network(ctx, want.name())
	if want.Name != "" {
		return h.judgeOperatorsNetwork(want.Name, found, err)
	}
	if errors.Is(err, errNoSuchNetwork) {
		found, err = h.makeNetwork(ctx, newNetwork{ownNetwork, ownBridge, want.Subnet})
	}
	if err != nil {
		return err
	}
	return found.confirmOurs()
}

// confirmOurs returns [ErrNetwork] if the network, which has the name of ours, cannot be it.
func (f foundNetwork) confirmOurs() error {
	why := f.unfit()
	if why == "" {
		return nil
	}
	return fmt.Errorf("%w: %s: %s (remove it when no container is on it: docker network rm %[2]s; or name another one in CONTAINER_NETWORK)",
		ErrNetwork, ownNetwork, why)
}

// judgeOperatorsNetwork returns why an operator's own network cannot be used. How
// it is set up is the operator's business.
func (h *host) judgeOperatorsNetwork(name string, found foundNetwork, err error) error {
	if errors.Is(err, errNoSuchNetwork) {
		return fmt.Errorf("%w: %s is not there (make it, or correct CONTAINER_NETWORK)", ErrNetwork, name)
	}
	if err == nil && found.open {
		h.openNetwork.Do(func() {
			h.log.Warn("containers reach each other on this network", "network", name, "want", optionOpen+"=false")
		})
	}
	return err
}

// makeNetwork makes our network and returns what is there then. Whoever is refused
// looks whether somebody else has made it; the engine may refuse a moment before
// the other one's can be seen.
func (h *host) makeNetwork(ctx context.Context, n newNetwork) (foundNetwork, error) {
	var refusal error
	for range makeTries {
		refusal = h.engine.createNetwork(ctx, n)
		if refusal != nil && !isEngineError(refusal) {
			return foundNetwork{}, refusal
		}
		h.noteRefusal(refusal)
		found, err := h.engine.network(ctx, n.name)
		if !errors.Is(err, errNoSuchNetwork) {
			if err == nil && refusal == nil {
				h.log.Info("network made", "network", n.name)
			}
			h.noteRefusal(nil)
			return found, err
		}
		if err := clock.Sleep(ctx, makePause); err != nil {
			return foundNetwork{}, fmt.Errorf("make network %s: %w", n.name, err)
		}
	}
	return foundNetwork{}, h.explainRefusal(n.name, refusal)
}

// startOnNewNetwork starts a container whose network has gone since the host was
// checked.
func (h *host) startOnNewNetwork(ctx context.Context, id string) error {
	if err := h.ensureNetwork(ctx); err != nil {
		return err
	}
	return h.engine.start(ctx, id)
}
