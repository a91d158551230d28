package service

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"wrpdistributor/internal/config"
	"wrpdistributor/internal/database"
)

// newProcess describes this process to the others on the same database. Its kind is
// the name of its program.
func newProcess(cfg *config.Config, databaseID string) database.Process {
	machine, _ := os.Hostname() // for people; the number may do
	return database.Process{
		ID:                database.NewProcessID(),
		DatabaseID:        databaseID,
		Kind:              fmt.Sprintf("%.16s", filepath.Base(os.Args[0])),
		Version:           BuildVersion(),
		Instance:          cfg.Instance,
		Machine:           strings.TrimSpace(fmt.Sprintf("%s (process %d)", machine, os.Getpid())),
		GatewayAddress:    cfg.Gateway.Address,
		GatewayTLSAddress: cfg.Gateway.TLSAddress,
		Pool:              describePool(cfg),
	}
}

// BuildVersion says which build of the program this is: the commit, if it was built
// from a checkout.
func BuildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "unknown"
	}
	return info.Main.Version
}

func describePool(cfg *config.Config) string {
	names := make([]string, len(cfg.Hosts))
	for i, h := range cfg.Hosts {
		names[i] = fmt.Sprintf("%s=%d", h.Name, h.Max)
		if h.Auto {
			names[i] = h.Name + "=auto"
		}
	}
	return fmt.Sprintf("hosts %s from port %d", strings.Join(names, ","), cfg.StartPort)
}
