package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"

	"wrpdistributor/internal/hosts"
)

func engine(ctx context.Context, p *patient) (string, error) {
	facts, err := p.exam.Engine(ctx)
	if err != nil {
		return "", ailment{fmt.Errorf("asked for its version: %w", err), p.mendMuteEngine(err)}
	}
	p.engine = facts
	if isOlder(facts.API, hosts.OldestAPI) {
		return "", p.fails(fmt.Errorf("it is Docker %s, with API %s; want 20.10 or newer, with API %s", facts.Version, facts.API, hosts.OldestAPI), mendOldEngine)
	}
	return fmt.Sprintf("Docker %s, API %s", facts.Version, facts.API), nil
}

// isOlder compares two versions of the API, such as 1.9 and 1.41.
func isOlder(version, than string) bool {
	number := func(v string) (major, minor int) {
		a, b, _ := strings.Cut(v, ".")
		major, _ = strconv.Atoi(a) // what is no number is old
		minor, _ = strconv.Atoi(b)
		return major, minor
	}
	major, minor := number(version)
	leastMajor, leastMinor := number(than)
	return major < leastMajor || major == leastMajor && minor < leastMinor
}

func limits(_ context.Context, p *patient) (string, error) {
	c := p.cfg.Hosts.Container
	set := map[string]bool{"CONTAINER_MEMORY": c.Memory > 0, "CONTAINER_CPUS": c.CPUs > 0, "CONTAINER_PIDS": c.Pids > 0}
	var lacks []string
	for _, name := range p.engine.Lacks {
		if set[name] {
			lacks = append(lacks, name)
		}
	}
	if len(lacks) > 0 {
		err := fmt.Errorf("the engine cannot enforce %s: the kernel lacks the control groups for it%s", strings.Join(lacks, ", "), inItsWords(p.engine.Warns))
		return "", p.fails(err, mendLimits)
	}
	return "the engine enforces all that are set" + inItsWords(p.engine.Warns), nil
}

func inItsWords(warnings []string) string {
	if len(warnings) == 0 {
		return ""
	}
	return "; it warns: " + strings.Join(warnings, "; ")
}

func network(ctx context.Context, p *patient) (string, error) {
	n, err := p.exam.Network(ctx)
	switch {
	case errors.Is(err, hosts.ErrNetwork):
		return "", p.fails(err, p.mendNetwork(n.Name))
	case err != nil:
		return "", p.fails(err, mendEngine(err))
	case n.Missing:
		return n.Name + " is not there yet, and is made with the first container", nil
	case n.Open:
		return n.Name + "; containers reach each other on it (want com.docker.network.bridge.enable_icc=false)", nil
	}
	return n.Name + ", on which containers do not reach each other", nil
}

// table looks whether the unit is active that loads the host's table. Most keys do not
// let us ask; a guard tells it.
func table(ctx context.Context, p *patient) (string, error) {
	if found, known := p.tableByGuard(); known {
		return found, nil
	}
	state, _ := p.exam.Ask(ctx, "systemctl is-active wrp-egress") // an error is an answer that is none
	switch state {
	case "active":
		return "wrp-egress is active: pages do not reach the host's network", nil
	case "inactive", "failed", "unknown":
		p.advice = p.mendTable()
		return "wrp-egress is " + state + ": pages reach the host and its network", nil
	}
	return "", skip("cannot be seen from here; on the host: systemctl is-active wrp-egress")
}

func image(ctx context.Context, p *patient) (string, error) {
	name := p.cfg.Hosts.Container.Image
	id, err := p.exam.Image(ctx)
	switch {
	case errors.Is(err, hosts.ErrImageMissing):
		return "", failsHere(err, "distributor hosts pull "+p.Name)
	case err != nil:
		return "", p.fails(err, mendEngine(err))
	}
	return name + ", " + id, nil
}

func certificate(ctx context.Context, p *patient) (string, error) {
	if p.TLS == nil {
		return "", skip("none configured: no direct TLS sessions")
	}
	err := p.exam.Certificate(ctx)
	switch {
	case errors.Is(err, hosts.ErrCertificate):
		return "", p.fails(err, p.mendCertificate())
	case err != nil:
		return "", p.fails(err, mendEngine(err))
	}
	return p.TLS.Cert + " and " + p.TLS.Key + " are there", nil
}

func memory(_ context.Context, p *patient) (string, error) {
	each, has := p.cfg.Hosts.Container.Memory, p.engine.Memory
	if each <= 0 {
		return "", skip("CONTAINER_MEMORY sets no limit")
	}
	if p.Auto {
		has -= p.cfg.Hosts.MemoryReserve
		p.Max = hosts.AutoLimit(has, each)
	}
	room := has / each
	words := fmt.Sprintf("%s, for %d containers of up to %s", units.BytesSize(float64(has)), p.Max, units.BytesSize(float64(each)))
	switch {
	case room < 1:
		return "", failsHere(fmt.Errorf("%s: not even one fits", words), fmt.Sprintf("sed -i -e '/^CONTAINER_MEMORY=/d' -e '$a\\' .env; echo CONTAINER_MEMORY=%dm >>.env", max(has/2>>20, 1)))
	case p.Auto:
		return words + " (max=auto, less MEMORY_RESERVE)", nil
	case int(room) < p.Max:
		p.advice = &Mend{On: Here, Command: fmt.Sprintf("max=%d in HOSTS_FILE, or MAX_CONTAINERS_RUNNING=%[1]d, if all are to have their memory", room)}
		return words + fmt.Sprintf(": %d fit if all use it", room), nil
	}
	return words, nil
}

// portCount is how many ports there are for the host's containers. A limit that its
// memory gives it may change, so that they are those of the highest.
func (p *patient) portCount() int {
	if p.Auto {
		return hosts.MaxAuto + p.cfg.Hosts.SparePorts
	}
	return p.Max + p.cfg.Hosts.SparePorts
}

// mostNames is how many containers of one database are named.
const mostNames = 3

// whose says which containers of distributors have ports. Whether a session is behind one
// only its database knows.
func whose(p hosts.Ports) string {
	var words []string
	for _, database := range slices.Sorted(maps.Keys(p.Whose)) {
		names := p.Whose[database]
		text := fmt.Sprintf("%d of database %.8s, %s", len(names), database, strings.Join(names[:min(mostNames, len(names))], ", "))
		if more := len(names) - mostNames; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		words = append(words, text)
	}
	if len(words) == 0 {
		return ""
	}
	return " (" + strings.Join(words, "; ") + ")"
}

func ports(ctx context.Context, p *patient) (string, error) {
	if err := p.exam.CanPublish(); err != nil {
		return "", failsHere(err, "ip -brief address; then correct PUBLISH_ADDRESS in .env")
	}
	first, n := p.cfg.StartPort, p.portCount()
	found, err := p.exam.Ports(ctx, first, n)
	if err != nil {
		return "", p.fails(err, mendEngine(err))
	}
	p.ports = found
	words := fmt.Sprintf("%d to %d: %d free, %d in use by containers of distributors%s", first, first+n-1, len(found.Free), found.InUse, whose(found))
	for _, port := range slices.Sorted(maps.Keys(found.Foreign)) {
		words += fmt.Sprintf("; %d is taken by %s", port, found.Foreign[port])
	}
	if found.Guessed {
		words += "; only containers can be seen with this key"
	}
	if lacking := p.Max - found.InUse - len(found.Free); lacking > 0 {
		return "", p.fails(fmt.Errorf("%s: too few for %d sessions", words, p.Max), mendPort(found.Foreign))
	}
	return words, nil
}
