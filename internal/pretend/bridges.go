package pretend

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/docker/docker/api/types/container"
	apinetwork "github.com/docker/docker/api/types/network"
)

const (
	optionOpen   = "com.docker.network.bridge.enable_icc"
	optionBridge = "com.docker.network.bridge.name"
)

// A bridge is a network of containers. It keeps nothing apart: all that a pretend
// host does is on its own address.
type bridge struct {
	id, name string
	created  time.Time
	options  apinetwork.CreateOptions
}

func newBridge(name string, options apinetwork.CreateOptions) *bridge {
	return &bridge{id: newID(), name: name, created: time.Now(), options: options}
}

// bridge returns the network with an id or a name. e.mu is held.
func (e *engine) bridge(ref string) (*bridge, error) {
	i := slices.IndexFunc(e.bridges, func(b *bridge) bool { return b.id == ref || b.name == ref })
	if i < 0 {
		return nil, refuse(http.StatusNotFound, "network %s not found", ref)
	}
	return e.bridges[i], nil
}

// checkNetwork returns why there is no such network. e.mu is held.
func (e *engine) checkNetwork(mode container.NetworkMode) error {
	if mode == "" || !mode.IsUserDefined() {
		return nil
	}
	_, err := e.bridge(string(mode))
	return err
}

func (e *engine) addBridge(b *bridge) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, other := range e.bridges {
		if other.name == b.name {
			return refuse(http.StatusConflict, "network with name %s already exists", b.name)
		}
		if device := b.options.Options[optionBridge]; device != "" && device == other.options.Options[optionBridge] {
			return refuse(http.StatusForbidden, "cannot create network %s (%s): conflicts with network %s (%s): networks have same bridge name",
				b.id, device, other.id, device)
		}
	}
	e.bridges = append(e.bridges, b)
	return nil
}

// AddNetwork makes a network of containers, as an operator would.
func (h *Host) AddNetwork(name string, options apinetwork.CreateOptions) error {
	return h.engine.addBridge(newBridge(name, options))
}

// RemoveNetwork removes a network of containers, whoever is on it. It reports
// whether there was one.
func (h *Host) RemoveNetwork(name string) bool { return h.engine.dropBridge(name) == nil }

func (e *engine) dropBridge(ref string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	gone, err := e.bridge(ref)
	if err != nil {
		return err
	}
	e.bridges = slices.DeleteFunc(e.bridges, func(b *bridge) bool { return b == gone })
	return nil
}

func (a *api) createNetwork(_ context.Context, r request) (int, any, error) {
	var req apinetwork.CreateRequest
	if err := json.Unmarshal(r.body, &req); err != nil {
		return 0, nil, refuse(http.StatusBadRequest, "%v", err)
	}
	b := newBridge(req.Name, req.CreateOptions)
	if err := a.engine.addBridge(b); err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, apinetwork.CreateResponse{ID: b.id}, nil
}

func (a *api) inspectNetwork(_ context.Context, r request) (int, any, error) {
	a.engine.mu.Lock()
	defer a.engine.mu.Unlock()
	b, err := a.engine.bridge(r.ref)
	if err != nil {
		return 0, nil, err
	}
	answer := apinetwork.Inspect{
		Name: b.name, ID: b.id, Created: b.created, Scope: "local", Driver: b.options.Driver, Internal: b.options.Internal,
		EnableIPv6: b.options.EnableIPv6 != nil && *b.options.EnableIPv6,
		Options:    b.options.Options, Labels: b.options.Labels, Containers: map[string]apinetwork.EndpointResource{},
	}
	if b.options.IPAM != nil {
		answer.IPAM = *b.options.IPAM
	}
	return http.StatusOK, answer, nil
}

func (a *api) removeNetwork(_ context.Context, r request) (int, any, error) {
	return http.StatusNoContent, nil, a.engine.dropBridge(r.ref)
}
