package pretend

import (
	"fmt"
	"strings"

	"github.com/docker/docker/api/types/container"
	apinetwork "github.com/docker/docker/api/types/network"

	"wrpdistributor/internal/hosts/hoststest"
)

// networks starts a container on a network that comes late, beside networks that
// cannot be made.
func (p *play) networks() {
	ctx, name := p.t.Context(), p.name("net")
	options := apinetwork.CreateOptions{
		Driver: "bridge", EnableIPv6: new(bool), Labels: map[string]string{playLabel: p.name("")},
		Options: map[string]string{optionOpen: "false", optionBridge: "play" + p.id[:8]},
	}
	created, err := p.client.ContainerCreate(ctx, &container.Config{Image: hoststest.Image, Labels: map[string]string{playLabel: p.name("")}},
		&container.HostConfig{NetworkMode: container.NetworkMode(name)}, nil, nil, p.name("networked"))
	p.note("create on no network", err)
	err = p.client.ContainerStart(ctx, created.ID, container.StartOptions{})
	p.note("start on no network", err)
	p.record = append(p.record, fmt.Sprint("which is named: ", strings.Contains(fmt.Sprint(err), "network "+name+" not found")))
	p.lookAtNetwork(name)

	_, err = p.client.NetworkCreate(ctx, name, options)
	p.note("create network", err)
	_, err = p.client.NetworkCreate(ctx, name, options)
	p.note("create network again", err)
	_, err = p.client.NetworkCreate(ctx, name+"-2", options)
	p.note("create network with the same bridge", err)
	p.lookAtNetwork(name)
	p.lookAtNetwork("bridge")
	p.note("start", p.client.ContainerStart(ctx, created.ID, container.StartOptions{}))
	p.look(created.ID)

	p.note("remove", p.client.ContainerRemove(ctx, created.ID, container.RemoveOptions{Force: true}))
	p.note("remove network", p.client.NetworkRemove(ctx, name))
	p.note("remove network again", p.client.NetworkRemove(ctx, name))
}

func (p *play) lookAtNetwork(name string) {
	n, err := p.client.NetworkInspect(p.t.Context(), name, apinetwork.InspectOptions{})
	p.note("inspect network", err)
	p.record = append(p.record, fmt.Sprintf("network: %s, open %q, named %t, internal %t, IPv6 %t, %d-digit id",
		n.Driver, n.Options[optionOpen], n.Name == name, n.Internal, n.EnableIPv6, len(n.ID)))
}
