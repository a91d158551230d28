package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"wrpdistributor/internal/hosts"
)

// A step is one look at a host. It returns what it has found, in words.
type step struct {
	name   string
	remote bool // it concerns only hosts that are reached by SSH
	look   func(context.Context, *patient) (string, error)
}

// steps are those of a list, in the order in which each needs the ones before.
func steps() []step {
	return []step{
		{"name", true, lookUp},
		{"connection", true, connect},
		{"host key", true, hostKey},
		{"login", true, logIn},
		{"way to Docker", false, wayToDocker},
		{"way to containers", true, wayToContainers},
		{"engine", false, engine},
		{"hostguard", true, guard},
		{"limits", false, limits},
		{"network", false, network},
		{"host's table", false, table},
		{"image", false, image},
		{"certificate", false, certificate},
		{"memory", false, memory},
		{"ports", false, ports},
		{"container", false, container},
	}
}

func lookUp(ctx context.Context, p *patient) (string, error) {
	addresses, err := p.exam.Lookup(ctx)
	if err != nil {
		return "", failsHere(err, p.mendName())
	}
	return strings.Join(addresses, ", "), nil
}

func connect(ctx context.Context, p *patient) (string, error) {
	reached, err := p.exam.Connect(ctx)
	if err != nil {
		return "", ailment{err, p.mendConnection(err)}
	}
	return reached + " answers", nil
}

func hostKey(ctx context.Context, p *patient) (string, error) {
	key, err := p.exam.HostKey(ctx)
	found := key.Kind + " " + key.Fingerprint
	switch {
	case errors.Is(err, hosts.ErrMute):
		return "", p.fails(err, mendFrozen)
	case err != nil && key.Kind == "":
		return "", p.shutOut(fmt.Errorf("sshd shows no key: %w", err))
	case err != nil && !strings.Contains(err.Error(), key.Fingerprint):
		return "", ailment{fmt.Errorf("%w (it is %s)", err, found), p.mendHostKey(key, err)}
	case err != nil:
		return "", ailment{err, p.mendHostKey(key, err)}
	case !key.IsKnown:
		return found + ", new: the distributor will take it for the right one when it first logs in (SSH_HOST_KEYS=accept-new)", nil
	}
	return found + ", as known_hosts says", nil
}

func logIn(ctx context.Context, p *patient) (string, error) {
	version, err := p.exam.Login(ctx)
	if err != nil {
		if !strings.Contains(err.Error(), "unable to authenticate") {
			return "", p.shutOut(err)
		}
		return "", ailment{err, p.mendLogin()}
	}
	return fmt.Sprintf("as %s, sshd is %s", p.SSH.User, strings.TrimPrefix(version, "SSH-2.0-")), nil
}

func wayToDocker(ctx context.Context, p *patient) (string, error) {
	way, err := p.exam.Way(ctx)
	if err != nil {
		return "", ailment{err, p.mendWay(err)}
	}
	p.way = way
	switch {
	case p.SSH == nil:
		return "this machine's socket", nil
	case way.Guard:
		return "wrp-hostguard's socket; sshd's MaxSessions does not matter", nil
	case !way.Command:
		return "its socket; sshd's MaxSessions does not matter", nil
	case way.Endless:
		return "docker system dial-stdio, or what runs in its place, which does not end: how many SSH sessions there can be at once is not known", nil
	case way.Sessions < 2:
		err := fmt.Errorf("docker system dial-stdio, with %d SSH session at once (MaxSessions): every request waits for the one before, and all for a pull", way.Sessions)
		return "", p.fails(err, p.mendMaxSessions())
	case way.Sessions < way.Enough:
		p.advise(p.mendMaxSessions())
		return fmt.Sprintf("docker system dial-stdio, with %d SSH sessions at once (MaxSessions): requests wait for each other", way.Sessions), nil
	}
	return "docker system dial-stdio, with as many SSH sessions at once as are needed", nil
}

func wayToContainers(ctx context.Context, p *patient) (string, error) {
	if p.cfg.Hosts.GatewayStartPort == 0 {
		return "", skip("no gateway: clients connect to the host")
	}
	if err := p.exam.CanForward(ctx); err != nil {
		return "", ailment{err, p.mendForwarding()}
	}
	return "the gateway reaches the ports on the host's loopback", nil
}
