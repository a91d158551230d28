package service

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"wrpdistributor/internal/config"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/hosts"
)

// NewProcess describes this process to the others on the same database, whose id is not
// known yet. Its kind is the name of its program.
func NewProcess(cfg *config.Config) database.Process {
	machine, _ := os.Hostname() // for people; the number may do
	return database.Process{
		ID:                database.NewProcessID(),
		Kind:              fmt.Sprintf("%.16s", filepath.Base(os.Args[0])),
		Version:           BuildVersion(),
		Instance:          cfg.Instance,
		Machine:           strings.TrimSpace(fmt.Sprintf("%s (process %d)", machine, os.Getpid())),
		GatewayAddress:    cfg.Gateway.Address,
		GatewayTLSAddress: cfg.Gateway.TLSAddress,
		Pool:              describePool(cfg.Hosts, cfg.StartPort),
	}
}

// nameOf is a process's name for people.
func nameOf(p database.Process) string {
	words := []string{p.Kind, p.Instance, "on", p.Machine}
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")
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

// leaving stands in place of a host's limit.
const leaving = "leaving"

// isLeaving returns a function that reports whether a process that lives sees off a host.
func isLeaving(db *database.DB) func(ctx context.Context, host string) bool {
	return func(ctx context.Context, host string) bool {
		all, err := db.Living(ctx)
		return err == nil && slices.ContainsFunc(all, func(p database.Process) bool { return servesLeaving(p.Pool, host) })
	}
}

// servesLeaving reports whether a host is leaving in the description of a pool.
func servesLeaving(pool, host string) bool {
	list, _, _ := strings.Cut(strings.TrimPrefix(pool, "hosts "), " ")
	return slices.Contains(strings.Split(list, ","), host+"="+leaving)
}

// describePool names hosts, limits and ports for people, and hosts that leave for
// [servesLeaving].
func describePool(list []hosts.Host, startPort int, gone ...string) string {
	names := make([]string, len(list))
	for i, h := range list {
		names[i] = fmt.Sprintf("%s=%d", h.Name, h.Max)
		if h.Auto {
			names[i] = h.Name + "=auto"
		}
	}
	for _, name := range gone {
		names = append(names, name+"="+leaving)
	}
	return fmt.Sprintf("hosts %s from port %d", strings.Join(names, ","), startPort)
}
