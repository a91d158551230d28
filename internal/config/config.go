// Package config turns the environment and the .env file into typed settings.
//
// Every variable is read before any is judged, and everything that is wrong is
// reported at once, see [Problems]. A variable of the process wins over the
// same one in the file; an empty one means the default. No problem quotes a
// secret, and printing a [Config] does not show one.
//
// All variables are described in .env.dist.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/session"
)

// DefaultFile is the one file that [Load] does not miss if it is not there.
const DefaultFile = ".env"

// PretendToken is what clients of pretend hosts send if AUTH_TOKEN is not set.
const PretendToken = "pretend"

// MaxMinutes is the longest time that a session may be unused, in minutes.
const MaxMinutes = 60 * 24 * 365

// A Config holds all settings, checked. Load makes it; its zero value is of no
// use. Each field is named after its variable.
type Config struct {
	AuthToken         Secret // what clients have to send; never empty
	AuthTokenPrevious Secret // what they may send as well; empty: nothing

	Hosts        []hosts.Host     // CONTAINER_HOSTS and its companions, or HOSTS_FILE, in the configured order; from LoadPretend nil
	HostsFile    string           // empty: CONTAINER_HOSTS
	Pretend      hosts.Host       // from LoadPretend only: the Max and TLS that all pretend hosts have
	Distribution string           // CONTAINER_DISTRIBUTION_METHOD: equal, fillhost or resources
	Strategy     hosts.Strategy   // the same as a function
	StartPort    int              // slot 0 of every host; slots and spare ports above end at 65535
	SparePorts   int              // above those of all slots, used while foreign processes hold one; 0: never
	KnownHosts   hosts.KnownHosts // SSH_DIR, SSH_HOST_KEYS

	Database Database // SESSION_DATABASE_...; SQLite in DataDir if none is named
	DataDir  string   // where we may write

	RuntimeDir string // of the control socket; RUNTIME_DIR, or else DataDir

	Listen         string         // host:port
	TLS            TLS            // TLS_...
	TrustedProxies []netip.Prefix // what they forward counts; empty: nobody's
	LocalAddress   string         // what clients of the host "local" connect to; empty: the address they reached us by
	PublishAddress string         // the IP address on which the host "local" publishes containers; empty: all
	BackendToken   Secret         // what backends have to send; empty: there are none
	AdminToken     Secret         // the same of operators
	MetricsToken   Secret         // the same of monitoring
	MetricsListen  string         // host:port for monitoring without a token; empty: it has none
	Instance       string         // a name for people; may be empty

	DashboardPublic bool // DASHBOARD_PUBLIC

	WarmMaxAge  time.Duration // after which a waiting container is replaced
	WarmRelease bool          // WARM_RELEASE_ON_EXIT
	Gateway     Gateway       // GATEWAY_..., FREEZE_AFTER
	Portal      Portal        // PORTAL_...

	Container hosts.ContainerConfig // WRP_IMAGE, WRP_ARGS, CONTAINER_...; a limit of 0 is none

	MemoryReserve int64 // bytes of a host's memory that are for no container

	ConnectTimeout  time.Duration
	StartTimeout    time.Duration // at least [session.MinStartTimeout]
	ReadyTimeout    time.Duration // less than StartTimeout
	StopTimeout     time.Duration
	OrphanGrace     time.Duration
	ShutdownTimeout time.Duration
	CleanupEvery    time.Duration // 0: the distributor does not clean up by itself
	CleanupTimeout  time.Duration // whole minutes; what is idle for so long goes, if CleanupEvery is set
	MaxSessionAge   time.Duration // what began so long ago goes, whoever cleans up; 0: nothing

	Warnings Problems // what stops nothing and is probably a mistake
	Pretends bool     // from LoadPretend
	Ignored  []string // variables that are set, and are nothing to pretend hosts; from LoadPretend only
	Theirs   []string // variables that the environment of the running service sets, and not ours

	places map[string]string // by host, see [Config.Place]

	LogLevel  slog.Level
	LogFormat string // text or json

	HashClients bool          // LOG_CLIENTS=hash: no address of a client in log and journal
	JournalKeep time.Duration // after which entries of the journal are removed

	StatisticsKeep time.Duration // after which rows of the statistics are
}

// Load reads the settings from the environment and from envFile, if that is
// not empty. An envFile that is not there is a problem unless it is
// [DefaultFile]. What the environment of a running service sets, if one is asked about,
// wins over the file. The error is of type [Problems].
func Load(envFile string, theirs Environment) (*Config, error) {
	return load(envFile, theirs, false, "")
}

// LoadPretend is Load for pretend hosts: it looks at no list of hosts and keys, nor
// at a database, since a pretending service has its own, and sets Pretend instead of
// Hosts.
func LoadPretend(envFile string, theirs Environment) (*Config, error) {
	return load(envFile, theirs, true, "")
}

// Listen reads where the service listens, from the same places as [Load], and
// judges nothing else.
func Listen(envFile string, theirs Environment) (string, error) {
	v, _, _, err := read(envFile, theirs)
	if err != nil {
		return "", err
	}
	p := new(parser)
	listen := p.listen("LISTEN", v.Listen)
	if len(p.problems) > 0 {
		return "", p.problems
	}
	return listen, nil
}

// Folders returns what Load would put into DataDir and RuntimeDir, whatever is wrong
// with the other settings.
func Folders(envFile string) (data, runtime string, err error) {
	v, _, _, err := read(envFile, nil)
	if err != nil {
		return "", "", err
	}
	return v.DataDir, cmp.Or(v.RuntimeDir, v.DataDir), nil
}

func load(envFile string, theirs Environment, pretend bool, added string) (*Config, error) {
	v, bad, misspelt, err := read(envFile, theirs)
	if err != nil {
		return nil, err
	}
	c, err := parse(v, pretend, added)
	problems, _ := errors.AsType[Problems](err)
	if len(problems) == 0 && len(bad) == 0 {
		c.Warnings, c.Theirs = misspelt, theirs.names()
		if c.Pretends = pretend; pretend {
			c.Ignored = v.ignored()
		}
		return c, nil
	}
	problems = slices.Concat(bad, problems, misspelt)
	if _, err := os.Stat(envFile); isOptional(envFile, err) {
		problems = append(problems, Problem{Variable: envFile, Want: "no such file in this folder, so only the environment was read"})
	}
	return nil, problems
}

// parse judges the variables, beginning with those that the hosts depend on. A line of a
// host that is not configured may be added.
func parse(v *variables, pretend bool, added string) (*Config, error) {
	p := &parser{added: added}
	c := &Config{AuthToken: p.token("AUTH_TOKEN", v.AuthToken, v.AuthTokenFile)}
	switch {
	case v.AuthToken != "" || v.AuthTokenFile != "":
	case pretend:
		c.AuthToken = PretendToken // there is nothing to protect
	default:
		p.wrong("AUTH_TOKEN", "", "not set, want the secret that clients send, for example from: openssl rand -hex 20")
	}
	c.LocalAddress = p.host("LOCAL_ADDRESS", v.LocalAddress)
	c.PublishAddress = p.ip("PUBLISH_ADDRESS", v.PublishAddress)
	c.StartPort = p.number("START_PORT", v.StartPort, 1, maxPort)
	c.SparePorts = p.number("SPARE_PORTS", v.SparePorts, 0, maxPort)
	if pretend {
		p.pretend(c, v)
	} else {
		p.parsePool(c, v)
	}
	p.access(c, v)
	c.Database = pretendDatabase(v)
	if !pretend {
		c.Database = p.database(v)
	}
	p.server(c, v)
	p.gateway(c, v)
	p.portal(c, v)
	p.container(c, v)
	p.strategy(c, v)
	p.timeouts(c, v)
	p.logging(c, v)
	if len(p.problems) > 0 {
		return nil, p.problems
	}
	return c, nil
}

func (p *parser) access(c *Config, v *variables) {
	c.Distribution = p.choice("CONTAINER_DISTRIBUTION_METHOD", v.ContainerDistributionMethod, "equal", "fillhost", byMemory)
	// New host keys go to the data folder, because the folder with the private
	// keys may be read-only.
	learned := filepath.Join(v.DataDir, "known_hosts")
	c.KnownHosts.Files = []string{filepath.Join(v.SSHDir, "known_hosts"), learned}
	if p.choice("SSH_HOST_KEYS", v.SSHHostKeys, "strict", "accept-new") == "accept-new" {
		c.KnownHosts.AcceptNew = learned
	}
}

func (p *parser) server(c *Config, v *variables) {
	c.DataDir, c.RuntimeDir = v.DataDir, v.DataDir
	if v.RuntimeDir != "" {
		c.RuntimeDir = p.runtimeDir("RUNTIME_DIR", v.RuntimeDir)
	}
	c.Listen = p.listen("LISTEN", v.Listen)
	p.tls(c, v)
	c.TrustedProxies = p.prefixes("TRUSTED_PROXIES", v.TrustedProxies)
	p.otherTokens(c, v)
	c.Instance = p.line("INSTANCE", v.Instance)
	c.DashboardPublic = p.choice("DASHBOARD_PUBLIC", v.DashboardPublic, "1", "0") == "1"
}

func (p *parser) container(c *Config, v *variables) {
	c.Container = hosts.ContainerConfig{
		Image:  p.image("WRP_IMAGE", v.WRPImage),
		Args:   p.words("WRP_ARGS", v.WRPArgs),
		Memory: p.memory("CONTAINER_MEMORY", v.ContainerMemory),
		CPUs:   p.cpus("CONTAINER_CPUS", v.ContainerCPUs),
		Pids:   int64(p.number("CONTAINER_PIDS", v.ContainerPids, 0, maxPids)),
		Network: hosts.Network{
			Name:   p.networkName("CONTAINER_NETWORK", v.ContainerNetwork),
			Subnet: p.subnet("CONTAINER_SUBNET", v.ContainerSubnet),
		},
	}
	if v.ContainerNetwork != "" && v.ContainerSubnet != "" {
		p.wrong("CONTAINER_SUBNET", v.ContainerSubnet, "is of the network that we make, and CONTAINER_NETWORK names another; want only one of them")
	}
}

func (p *parser) timeouts(c *Config, v *variables) {
	c.ConnectTimeout = p.duration("CONNECT_TIMEOUT", v.ConnectTimeout, minTimeout)
	c.StartTimeout = p.duration("START_TIMEOUT", v.StartTimeout, session.MinStartTimeout)
	c.ReadyTimeout = p.duration("READY_TIMEOUT", v.ReadyTimeout, minTimeout)
	c.StopTimeout = p.duration("STOP_TIMEOUT", v.StopTimeout, minTimeout)
	c.OrphanGrace = p.duration("ORPHAN_GRACE", v.OrphanGrace, time.Millisecond)
	c.ShutdownTimeout = p.duration("SHUTDOWN_TIMEOUT", v.ShutdownTimeout, minTimeout)
	if v.CleanupEvery != "" {
		c.CleanupEvery = p.duration("CLEANUP_EVERY", v.CleanupEvery, time.Second)
	}
	if v.MaxSessionAge != "" {
		c.MaxSessionAge = p.duration("MAX_SESSION_AGE", v.MaxSessionAge, minSessionAge)
	}
	c.WarmMaxAge = p.duration("WARM_MAX_AGE", v.WarmMaxAge, minWarmAge)
	c.WarmRelease = p.choice("WARM_RELEASE_ON_EXIT", v.WarmReleaseOnExit, "yes", "no") == "yes"
	c.CleanupTimeout = time.Duration(p.number("CLEANUP_TIMEOUT", v.CleanupTimeout, 1, MaxMinutes)) * time.Minute

	if c.StartTimeout > 0 && c.ReadyTimeout >= c.StartTimeout {
		// At START_TIMEOUT the start is rolled back: to wait for the container
		// longer than that can only fail.
		p.wrong("READY_TIMEOUT", v.ReadyTimeout, "want less than START_TIMEOUT, which is %s", c.StartTimeout)
	}
}

func (p *parser) logging(c *Config, v *variables) {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	c.LogLevel = levels[p.choice("LOG_LEVEL", v.LogLevel, "debug", "info", "warn", "error")]
	c.LogFormat = p.choice("LOG_FORMAT", v.LogFormat, "text", "json")
	c.HashClients = p.choice("LOG_CLIENTS", v.LogClients, "address", "hash") == "hash"
	c.JournalKeep = p.age("JOURNAL_KEEP", v.JournalKeep, time.Hour)
	c.StatisticsKeep = p.age("STATISTICS_KEEP", v.StatisticsKeep, minStatistics)
}

// LogValue tells what an operator wants to see at the start. Neither tokens
// nor keys nor passwords are among it.
func (c *Config) LogValue() slog.Value {
	names := make([]string, len(c.Hosts))
	for i, h := range c.Hosts {
		limit := limitOf(h)
		if warm := h.Warm + h.WarmTLS; warm > 0 {
			limit += fmt.Sprintf(", %d of them warm", warm)
		}
		names[i] = fmt.Sprintf("%s (%s)", h.Name, limit)
	}
	return slog.GroupValue(
		slog.String("instance", c.Instance),
		slog.String("listen", c.Listen),
		slog.String("tls", c.TLS.Listen),
		slog.String("gateway", c.Gateway.Listen),
		slog.String("gatewayTLS", c.Gateway.TLSListen),
		slog.String("portal", c.Portal.Mode),
		slog.Any("hosts", names),
		slog.String("distribution", c.Distribution),
		slog.Int("startPort", c.StartPort),
		slog.String("database", c.Database.String()),
		slog.String("dataDir", c.DataDir),
		slog.String("image", c.Container.Image),
	)
}
