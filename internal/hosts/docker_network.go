package hosts

import (
	"context"
	"errors"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/network"
)

// The engine's options of a bridge.
const (
	optionOpen   = "com.docker.network.bridge.enable_icc"
	optionBridge = "com.docker.network.bridge.name"
)

// labelNetwork shows people where the network comes from. Nothing depends on it.
const labelNetwork = "wrpdistributor.network"

var errNoSuchNetwork = errors.New("no such network")

// network returns the network of that name.
func (e *engine) network(ctx context.Context, name string) (foundNetwork, error) {
	n, err := e.client().NetworkInspect(ctx, name, network.InspectOptions{})
	if cerrdefs.IsNotFound(err) {
		return foundNetwork{}, errNoSuchNetwork
	}
	if err != nil {
		return foundNetwork{}, err
	}
	return foundNetwork{
		driver:   n.Driver,
		bridge:   n.Options[optionBridge],
		open:     n.Options[optionOpen] != "false",
		internal: n.Internal,
		ipv6:     n.EnableIPv6,
	}, nil
}

// createNetwork makes our network.
func (e *engine) createNetwork(ctx context.Context, n newNetwork) error {
	options := network.CreateOptions{
		Driver:     "bridge",
		EnableIPv6: new(bool),
		Options:    map[string]string{optionOpen: "false", optionBridge: n.bridge},
		Labels:     map[string]string{labelNetwork: ""},
	}
	if n.subnet.IsValid() {
		options.IPAM = &network.IPAM{Config: []network.IPAMConfig{{Subnet: n.subnet.String()}}}
	}
	_, err := e.client().NetworkCreate(ctx, n.name, options)
	return err
}

// isNetworkMissing reports whether err is about a container's network. It reads
// the text: that the container is missing is the same kind of error.
func isNetworkMissing(err error) bool {
	return cerrdefs.IsNotFound(err) && strings.Contains(err.Error(), "network ") && strings.Contains(err.Error(), " not found")
}
