package hosts

import (
	"context"
	"fmt"
	"strings"

	"github.com/docker/docker/api/types/container"
)

// OldestAPI is the version of the Docker API that the oldest engine speaks with which
// containers can be run as they are: 20.10.
const OldestAPI = "1.41"

// maxWarnings bounds how many of an engine's warnings are told.
const maxWarnings = 20

// EngineFacts are what an engine tells of itself and its machine.
type EngineFacts struct {
	Version string
	API     string   // the newest that it speaks
	Memory  int64    // of the machine, in bytes
	Lacks   []string // which limits of containers it cannot enforce, by the names of our settings
	Warns   []string // in its own words
}

// facts returns what the engine tells of itself.
func (e *engine) facts(ctx context.Context) (EngineFacts, error) {
	i, err := e.client().Info(ctx)
	if err != nil {
		return EngineFacts{}, err
	}
	v, err := e.client().ServerVersion(ctx)
	if err != nil {
		return EngineFacts{}, fmt.Errorf("version of the engine: %w", err)
	}
	f := EngineFacts{Version: inLine(v.Version), API: inLine(v.APIVersion), Memory: i.MemTotal}
	for _, limit := range []struct {
		setting  string
		enforced bool
	}{
		{"CONTAINER_MEMORY", i.MemoryLimit},
		{"CONTAINER_CPUS", i.CPUCfsPeriod && i.CPUCfsQuota},
		{"CONTAINER_PIDS", i.PidsLimit},
	} {
		if !limit.enforced {
			f.Lacks = append(f.Lacks, limit.setting)
		}
	}
	for _, w := range i.Warnings[:min(maxWarnings, len(i.Warnings))] {
		f.Warns = append(f.Warns, inLine(strings.TrimPrefix(strings.TrimSpace(w), "WARNING: ")))
	}
	return f, nil
}

// A holder is the container that has published a port.
type holder struct {
	name     string
	database string // of the service like this one that made it; empty: none did
}

// publishedPorts returns the ports that running containers have published.
func (e *engine) publishedPorts(ctx context.Context) (map[int]holder, error) {
	all, err := e.client().ContainerList(ctx, container.ListOptions{})
	if err != nil {
		return nil, err
	}
	ports := make(map[int]holder)
	for _, c := range all {
		database := c.Labels[labelDatabase]
		for _, p := range c.Ports {
			if p.PublicPort > 0 {
				ports[int(p.PublicPort)] = holder{inLine(strings.TrimPrefix(strings.Join(c.Names, " "), "/")), inLine(database)}
			}
		}
	}
	return ports, nil
}
