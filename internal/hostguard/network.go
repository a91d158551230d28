package hostguard

import "net/netip"

// ownBridge is the interface of the network that distributors make, by which a firewall
// knows it.
const ownBridge = "wrp0"

// The engine's options of a bridge.
const (
	optionOpen   = "com.docker.network.bridge.enable_icc"
	optionBridge = "com.docker.network.bridge.name"
)

// labelNetwork shows people where the network comes from.
const labelNetwork = "wrpdistributor.network"

// checkedBefore is the version from which on engines let no two networks have one name
// unasked.
const checkedBefore = 44

// A newNetwork is what an engine is asked to make: the keys are the engine's.
type newNetwork struct {
	Name           string
	CheckDuplicate bool `json:",omitempty"`
	Driver         string
	EnableIPv6     bool
	Options        map[string]string
	Labels         map[string]string
	IPAM           *newIPAM `json:",omitempty"`
}

type newIPAM struct{ Config []newSubnet }

type newSubnet struct{ Subnet string }

// decideNewNetwork makes the network of distributors, which can differ in its addresses
// only, and these are the host's settings.
func (c *Config) decideNewNetwork(q *request) (*order, error) {
	if q.query != "" {
		return nil, refuse("sessions do not need a query here")
	}
	if c.Network != ownNetwork {
		return nil, refuse("network %s is made by this host's root: NETWORK in %s", c.Network, ConfigFile)
	}
	members, err := readJSON(q.body)
	if err != nil {
		return nil, err
	}
	body := &object{members: members}
	options := map[string]any{optionOpen: "false", optionBridge: ownBridge}
	body.same("Name", ownNetwork)
	body.same("Driver", "bridge")
	body.same("Options", options)
	body.same("Labels", map[string]any{labelNetwork: ""})
	if check := body.take("CheckDuplicate"); check != nil && check != true {
		body.wrong("CheckDuplicate", "want true")
	}
	if err := c.readSubnet(body.child("IPAM")); err != nil {
		return nil, err
	}
	if err := body.end(); err != nil {
		return nil, err
	}
	return &order{before: "/networks/create", body: c.newNetwork(q.minor)}, nil
}

func (c *Config) newNetwork(minor int) newNetwork {
	n := newNetwork{
		Name: ownNetwork, CheckDuplicate: minor < checkedBefore, Driver: "bridge",
		Options: map[string]string{optionOpen: "false", optionBridge: ownBridge},
		Labels:  map[string]string{labelNetwork: ""},
	}
	if c.Subnet.IsValid() {
		n.IPAM = &newIPAM{Config: []newSubnet{{c.Subnet.String()}}}
	}
	return n
}

// readSubnet takes the addresses that a client asks for, which have to be the host's.
func (c *Config) readSubnet(ipam *object) error {
	list := ipam.list("Config")
	if len(list) > 1 {
		ipam.wrong("Config", "want one network")
	}
	for _, value := range list[:min(len(list), 1)] {
		config := ipam.element("Config", value)
		text := config.text("Subnet")
		if subnet, err := netip.ParsePrefix(text); err != nil || subnet != c.Subnet {
			config.wrong("Subnet", "%.40q is not that of this host: SUBNET in %s", text, ConfigFile)
		}
		if err := config.end(); err != nil {
			return err
		}
	}
	return ipam.end()
}
