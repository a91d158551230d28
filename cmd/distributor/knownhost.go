package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"wrpdistributor/internal/operator"
)

// knowsHost returns an error that names the hosts which there are, unless name is one of
// them, or empty. It is for hosts of which nothing was found.
func (a *asker) knowsHost(ctx context.Context, name string) error {
	if name == "" {
		return nil
	}
	names, err := a.hostNames(ctx)
	if err != nil {
		return err
	}
	if slices.Contains(names, name) {
		return nil
	}
	return fmt.Errorf("host %s is not configured, and nothing is found of it; configured are: %s", name, strings.Join(names, ", "))
}

func (a *asker) hostNames(ctx context.Context) (names []string, err error) {
	var all operator.Hosts
	err = a.ask(ctx, operator.Call{Path: operator.HostsPath}, &all)
	for _, h := range all.Hosts {
		names = append(names, h.Name)
	}
	return names, err
}

// isHost reports whether a host has a name, with its port or without.
func isHost(host, name string) bool { return host == name || strings.HasPrefix(host, name+":") }
