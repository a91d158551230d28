package hostsetup

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"wrpdistributor/internal/hosts"
)

// ErrUnlimited means that a guard would let no container through.
var ErrUnlimited = errors.New("hostguard lets no container through that has no limit: want CONTAINER_MEMORY and CONTAINER_PIDS above 0, or --no-guard")

// defaultNetwork is the one that distributors make.
const defaultNetwork = "wrp"

// GuardSettings returns what a host's guard is to allow: what a distributor asks for, whose
// first container has port startPort.
func GuardSettings(h hosts.Host, cfg hosts.Config, startPort int) (string, error) {
	c := cfg.Container
	if c.Memory <= 0 || c.Pids <= 0 {
		return "", ErrUnlimited
	}
	publish, network := "*", defaultNetwork
	if cfg.GatewayStartPort > 0 {
		publish = "127.0.0.1"
	}
	if c.Network.Name != "" {
		network = c.Network.Name
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# What the sessions of a distributor may do on this host; all else is refused.\n# %s.\n# It writes this file anew, unless the line above is taken out.\n", mark)
	set := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s=%s\n", name, value)
		}
	}
	set("IMAGES", c.Image)
	set("PORTS", fmt.Sprintf("%d-%d", startPort, startPort+h.Max+cfg.SparePorts-1))
	set("PUBLISH", publish)
	set("MAX_MEMORY", strconv.FormatInt((c.Memory+1<<10-1)>>10, 10)+"k")
	if c.CPUs > 0 {
		set("MAX_CPUS", strconv.FormatFloat(c.CPUs, 'f', -1, 64))
	}
	set("MAX_PIDS", strconv.FormatInt(c.Pids, 10))
	if h.TLS != nil {
		set("CERTIFICATE", h.TLS.Cert+"~"+h.TLS.Key)
	}
	set("NETWORK", network)
	if c.Network.Subnet.IsValid() && network == defaultNetwork {
		set("SUBNET", c.Network.Subnet.String())
	}
	return b.String(), nil
}
