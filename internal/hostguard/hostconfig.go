package hostguard

import (
	"path"
	"slices"
	"strconv"
)

// A newHostConfig says what a container may use and do: the keys are the engine's, and the
// values, but for limits, port and certificate, those of the distributor.
type newHostConfig struct {
	NetworkMode    string               `json:",omitempty"`
	CapDrop        []string             `json:",omitempty"`
	CapAdd         []string             `json:",omitempty"`
	SecurityOpt    []string             `json:",omitempty"`
	ReadonlyRootfs bool                 `json:",omitempty"`
	Tmpfs          map[string]string    `json:",omitempty"`
	LogConfig      *newLogConfig        `json:",omitempty"`
	Memory         int64                `json:",omitempty"`
	NanoCpus       int64                `json:",omitempty"`
	PidsLimit      int64                `json:",omitempty"`
	PortBindings   map[string][]newPort `json:",omitempty"`
	Mounts         []newMount           `json:",omitempty"`
}

type newLogConfig struct {
	Type   string
	Config map[string]string
}

type newPort struct{ HostIp, HostPort string }

type newMount struct {
	Type, Source, Target string
	ReadOnly             bool
}

// readFiles is what root in a container needs to read a key file that only its owner may.
const readFiles = "CAP_DAC_READ_SEARCH"

// readHostConfig reads what a container that serves at port within may use.
func (c *Config) readHostConfig(o *object, port string) (newHostConfig, error) {
	made := newHostConfig{
		NetworkMode: c.Network, CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges"}, ReadonlyRootfs: true,
		Tmpfs:     map[string]string{"/tmp": ""},
		LogConfig: &newLogConfig{"json-file", map[string]string{"max-size": "1m", "max-file": "1"}},
	}
	o.same("NetworkMode", c.Network)
	o.same("CapDrop", []any{"ALL"})
	o.same("SecurityOpt", []any{"no-new-privileges"})
	o.same("ReadonlyRootfs", true)
	o.same("Tmpfs", map[string]any{"/tmp": ""})
	o.same("LogConfig", map[string]any{"Type": "json-file", "Config": map[string]any{"max-size": "1m", "max-file": "1"}})
	o.absent("MaskedPaths", "ReadonlyPaths")
	c.readLimits(o, &made)
	bindings := o.child("PortBindings")
	made.PortBindings = c.readBinding(bindings, port)
	if err := bindings.end(); err != nil {
		return made, err
	}
	err := c.readCertificate(o, &made)
	return made, firstOf(err, o.end())
}

// absent takes members that mean something even when they are empty: an empty list of
// paths that are masked masks none.
func (o *object) absent(keys ...string) {
	for _, key := range keys {
		if o.take(key) != nil {
			o.wrong(key, "want none")
		}
	}
}

func (c *Config) readLimits(o *object, made *newHostConfig) {
	made.Memory = o.within("Memory", 1, c.MaxMemory, "MAX_MEMORY")
	made.PidsLimit = o.within("PidsLimit", 1, c.MaxPids, "MAX_PIDS")
	if c.MaxNanoCPUs > 0 {
		made.NanoCpus = o.within("NanoCpus", 1, c.MaxNanoCPUs, "MAX_CPUS")
	} else {
		made.NanoCpus = o.within("NanoCpus", 0, maxCores*1e9, "MAX_CPUS")
	}
}

// within takes a number that a setting bounds.
func (o *object) within(key string, least, most int64, setting string) int64 {
	n := o.whole(key)
	if n < least || n > most {
		o.wrong(key, "%d is not from %d to %d: %s in %s", n, least, most, setting, ConfigFile)
	}
	return n
}

// readBinding takes the port of the host at which a container is reached.
func (c *Config) readBinding(o *object, port string) map[string][]newPort {
	list := o.list(port)
	if len(list) != 1 || len(o.members) > 0 {
		o.wrong(port, "want this port on one port of the host, and no other")
		return nil
	}
	binding := o.element(port, list[0])
	p := newPort{HostIp: binding.text("HostIp"), HostPort: binding.text("HostPort")}
	if !slices.Contains(c.Publish, p.HostIp) {
		binding.wrong("HostIp", "%.40q is not among %s: PUBLISH in %s (* stands for all addresses, which direct sessions need)",
			p.HostIp, describeAddresses(c.Publish), ConfigFile)
	}
	n, err := strconv.Atoi(p.HostPort)
	if err != nil || strconv.Itoa(n) != p.HostPort || n < c.FirstPort || n > c.LastPort {
		binding.wrong("HostPort", "%.40q is not from %d to %d: PORTS in %s", p.HostPort, c.FirstPort, c.LastPort, ConfigFile)
	}
	if err := binding.end(); o.err == nil {
		o.err = err
	}
	return map[string][]newPort{port: {p}}
}

// readCertificate takes the files of the certificate, and the right to read them.
func (c *Config) readCertificate(o *object, made *newHostConfig) error {
	added := o.texts("CapAdd")
	mounts, err := c.readMounts(o)
	if err != nil || len(mounts) == 0 && len(added) == 0 {
		return err
	}
	if len(mounts) == 0 || len(added) != 1 || added[0] != readFiles {
		o.wrong("CapAdd", "want %s with the certificate's files, and none without", readFiles)
	}
	made.Mounts, made.CapAdd = mounts, added
	return nil
}

// readMounts takes the mounts, which can be those of the certificate only.
func (c *Config) readMounts(o *object) ([]newMount, error) {
	list := o.list("Mounts")
	if len(list) == 0 {
		return nil, o.err
	}
	made := make([]newMount, len(list))
	for i, value := range list {
		m := o.element("Mounts", value)
		m.same("Type", "bind")
		m.same("ReadOnly", true)
		made[i] = newMount{Type: "bind", Source: m.text("Source"), Target: m.text("Target"), ReadOnly: true}
		if err := m.end(); err != nil {
			return nil, err
		}
	}
	if !c.isCertificate(made) {
		return nil, refuse("mount %.80q at %.80q: want the certificate's files at cert.crt and private.key: CERTIFICATE in %s", made[0].Source, made[0].Target, ConfigFile)
	}
	return made, nil
}

// isCertificate reports whether mounts are of the certificate's files, in one folder and
// under the names by which they are looked for.
func (c *Config) isCertificate(mounts []newMount) bool {
	if c.Certificate == nil || len(mounts) != 2 {
		return false
	}
	cert, key := mounts[0], mounts[1]
	return cert.Source == c.Certificate.Cert && key.Source == c.Certificate.Key &&
		isAbsolute(cert.Target) && path.Base(cert.Target) == "cert.crt" && path.Join(path.Dir(cert.Target), "private.key") == key.Target
}
