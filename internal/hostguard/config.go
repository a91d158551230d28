package hostguard

import (
	"net/netip"
)

// The files of an installed guard. Units, packages and documents name them, too.
const (
	ConfigFile = "/etc/wrp-hostguard.conf"
	Socket     = "/run/wrp-hostguard/docker.sock"
)

// A Config is what root allows on its host. Its zero value allows nothing.
type Config struct {
	Images    []Image // that may be pulled and run
	FirstPort int     // of the host, for containers
	LastPort  int
	Publish   []string // addresses of the host that containers may be published on; "": all at once

	MaxMemory   int64 // of a container, in bytes
	MaxNanoCPUs int64 // of a container; 0: as many as there are, or no limit
	MaxPids     int64 // of a container

	Certificate *Certificate // nil: no container gets files
	Network     string       // of all containers
	Subnet      netip.Prefix // of Network, where it is made; zero: the engine chooses

	DatabaseID string // whose containers these are; empty: that of whoever comes first
	StateDir   string // where that is remembered
	Docker     string // the engine's socket
}

// A Certificate is the pair of files that containers get who serve TLS themselves.
type Certificate struct{ Cert, Key string }

// defaults are the settings of an empty file: they go with the distributor's own, with a
// gateway and for up to 100 containers.
func defaults() map[string]string {
	return map[string]string{
		"IMAGES":        "alb42/amifoxserver:latest",
		"PORTS":         "9090-9205",
		"PUBLISH":       "127.0.0.1",
		"MAX_MEMORY":    "1g",
		"MAX_CPUS":      "",
		"MAX_PIDS":      "512",
		"CERTIFICATE":   "",
		"NETWORK":       ownNetwork,
		"SUBNET":        "",
		"DATABASE_ID":   firstCome,
		"STATE_DIR":     "/var/lib/wrp-hostguard",
		"DOCKER_SOCKET": "/var/run/docker.sock",
	}
}

// firstCome stands for a database id that is still to be learned.
const firstCome = "first-come"

// ownNetwork is the network that distributors make.
const ownNetwork = "wrp"
