package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"strings"

	"github.com/kelseyhightower/envconfig"
)

// variables are the settings as they were written. Strings only: envconfig
// would stop at the first value it cannot convert, and print it.
//
// A verbatim value is not trimmed, because spaces may be part of it.
type variables struct {
	AuthToken     string `envconfig:"AUTH_TOKEN" verbatim:"true"`
	AuthTokenFile string `envconfig:"AUTH_TOKEN_FILE"`

	AuthTokenPrevious     string `envconfig:"AUTH_TOKEN_PREVIOUS" verbatim:"true"`
	AuthTokenPreviousFile string `envconfig:"AUTH_TOKEN_PREVIOUS_FILE"`

	ContainerHosts              string `envconfig:"CONTAINER_HOSTS" default:"local"`
	HostsFile                   string `envconfig:"HOSTS_FILE"`
	MaxContainersRunning        string `envconfig:"MAX_CONTAINERS_RUNNING" default:"10"`
	ContainerHostsKeys          string `envconfig:"CONTAINER_HOSTS_KEYS" verbatim:"true"`
	ContainerHostsKeysFile      string `envconfig:"CONTAINER_HOSTS_KEYS_FILE"`
	ContainerHostsTLSCerts      string `envconfig:"CONTAINER_HOSTS_TLS_CERTS"`
	ContainerDistributionMethod string `envconfig:"CONTAINER_DISTRIBUTION_METHOD" default:"equal"`
	MemoryReserve               string `envconfig:"MEMORY_RESERVE" default:"512m"`
	StartPort                   string `envconfig:"START_PORT" default:"9090"`
	SparePorts                  string `envconfig:"SPARE_PORTS" default:"16"`
	SSHDir                      string `envconfig:"SSH_DIR" default:"ssh"`
	SSHHostKeys                 string `envconfig:"SSH_HOST_KEYS" default:"strict"`

	SessionDatabaseDSN      string `envconfig:"SESSION_DATABASE_DSN"`
	SessionDatabaseDSNFile  string `envconfig:"SESSION_DATABASE_DSN_FILE"`
	SessionDatabaseUser     string `envconfig:"SESSION_DATABASE_USER"`
	SessionDatabaseUserFile string `envconfig:"SESSION_DATABASE_USER_FILE"`
	SessionDatabasePass     string `envconfig:"SESSION_DATABASE_PASS" verbatim:"true"`
	SessionDatabasePassFile string `envconfig:"SESSION_DATABASE_PASS_FILE"`
	DataDir                 string `envconfig:"DATA_DIR" default:"data"`
	RuntimeDir              string `envconfig:"RUNTIME_DIR"`

	Listen           string `envconfig:"LISTEN" default:":7777"`
	TLSListen        string `envconfig:"TLS_LISTEN"`
	TLSCert          string `envconfig:"TLS_CERT" default:"self-signed"`
	TLSMinVersion    string `envconfig:"TLS_MIN_VERSION" default:"1.0"`
	TrustedProxies   string `envconfig:"TRUSTED_PROXIES" default:"127.0.0.0/8,::1/128"`
	LocalAddress     string `envconfig:"LOCAL_ADDRESS"`
	PublishAddress   string `envconfig:"PUBLISH_ADDRESS"`
	BackendToken     string `envconfig:"BACKEND_TOKEN" verbatim:"true"`
	BackendTokenFile string `envconfig:"BACKEND_TOKEN_FILE"`
	MetricsToken     string `envconfig:"METRICS_TOKEN" verbatim:"true"`
	MetricsTokenFile string `envconfig:"METRICS_TOKEN_FILE"`
	MetricsListen    string `envconfig:"METRICS_LISTEN"`
	AdminToken       string `envconfig:"ADMIN_TOKEN" verbatim:"true"`
	AdminTokenFile   string `envconfig:"ADMIN_TOKEN_FILE"`
	DashboardPublic  string `envconfig:"DASHBOARD_PUBLIC" default:"0"`
	Instance         string `envconfig:"INSTANCE"`

	WRPImage        string `envconfig:"WRP_IMAGE" default:"alb42/amifoxserver:latest"`
	WRPArgs         string `envconfig:"WRP_ARGS" default:"-O -n -token {token} -log /dev/null"`
	ContainerMemory string `envconfig:"CONTAINER_MEMORY" default:"1g"`
	ContainerCPUs   string `envconfig:"CONTAINER_CPUS"`
	ContainerPids   string `envconfig:"CONTAINER_PIDS" default:"512"`

	ContainerNetwork string `envconfig:"CONTAINER_NETWORK"`
	ContainerSubnet  string `envconfig:"CONTAINER_SUBNET"`

	ConnectTimeout  string `envconfig:"CONNECT_TIMEOUT" default:"5s"`
	StartTimeout    string `envconfig:"START_TIMEOUT" default:"60s"`
	ReadyTimeout    string `envconfig:"READY_TIMEOUT" default:"5s"`
	StopTimeout     string `envconfig:"STOP_TIMEOUT" default:"2s"`
	OrphanGrace     string `envconfig:"ORPHAN_GRACE" default:"2m"`
	ShutdownTimeout string `envconfig:"SHUTDOWN_TIMEOUT" default:"15s"`
	CleanupEvery    string `envconfig:"CLEANUP_EVERY"`
	CleanupTimeout  string `envconfig:"CLEANUP_TIMEOUT" default:"10"`
	MaxSessionAge   string `envconfig:"MAX_SESSION_AGE"`

	WarmContainers    string `envconfig:"WARM_CONTAINERS" default:"0"`
	WarmTLSContainers string `envconfig:"WARM_TLS_CONTAINERS" default:"0"`
	WarmMaxAge        string `envconfig:"WARM_MAX_AGE" default:"1h"`
	WarmReleaseOnExit string `envconfig:"WARM_RELEASE_ON_EXIT" default:"no"`

	GatewayListen     string `envconfig:"GATEWAY_LISTEN"`
	GatewayAddress    string `envconfig:"GATEWAY_ADDRESS"`
	GatewayTLSListen  string `envconfig:"GATEWAY_TLS_LISTEN"`
	GatewayTLSAddress string `envconfig:"GATEWAY_TLS_ADDRESS"`
	GatewayTLSCert    string `envconfig:"GATEWAY_TLS_CERT" default:"self-signed"`
	FreezeAfter       string `envconfig:"FREEZE_AFTER"`

	Portal           string `envconfig:"PORTAL" default:"off"`
	PortalProxy      string `envconfig:"PORTAL_PROXY" default:"off"`
	PortalNames      string `envconfig:"PORTAL_NAMES"`
	PortalWait       string `envconfig:"PORTAL_WAIT" default:"3s"`
	PortalPerAddress string `envconfig:"PORTAL_PER_ADDRESS" default:"2"`

	LogLevel    string `envconfig:"LOG_LEVEL" default:"info"`
	LogFormat   string `envconfig:"LOG_FORMAT" default:"text"`
	LogClients  string `envconfig:"LOG_CLIENTS" default:"address"`
	JournalKeep string `envconfig:"JOURNAL_KEEP" default:"14d"`

	StatisticsKeep string `envconfig:"STATISTICS_KEEP" default:"400d"`
}

// read fills the variables from the environment, else from that of the running service,
// else from the file, else with the defaults. What is wrong with lines of the file is returned, too, as are
// names that nobody reads. The environment itself stays as it is: commands that
// are tested in one process would otherwise inherit each other's files.
func read(envFile string, theirs Environment) (v *variables, bad, misspelt Problems, err error) {
	file, lines, err := readFile(envFile)
	if err != nil && !isOptional(envFile, err) {
		return nil, nil, nil, Problems{{Variable: envFile, Want: err.Error()}}
	}
	v = new(variables)
	if err := envconfig.Process("", v); err != nil {
		return nil, nil, nil, fmt.Errorf("read the environment: %w", err)
	}
	v.complete(func(name string) string {
		if _, set := os.LookupEnv(name); set {
			return ""
		}
		if value, set := theirs[name]; set {
			return value
		}
		return file[name]
	})
	return v, badLines(envFile, lines), findMisspelt(envFile, file, os.Environ()), nil
}

// complete puts what lookup finds over the defaults, and the defaults over
// empty values.
func (v *variables) complete(lookup func(name string) string) {
	fields := reflect.ValueOf(v).Elem()
	for i := range fields.NumField() {
		field, tag := fields.Field(i), fields.Type().Field(i).Tag
		if value := lookup(tag.Get("envconfig")); value != "" {
			field.SetString(value)
		}
		if tag.Get("verbatim") == "" {
			field.SetString(strings.TrimSpace(field.String()))
		}
		if field.String() == "" {
			field.SetString(tag.Get("default"))
		}
	}
}

// readFile returns the variables in a .env file, and the lines that are none.
func readFile(name string) (vars map[string]string, bad []int, err error) {
	if name == "" {
		return nil, nil, nil
	}
	text, err := readText(name)
	if err != nil {
		return nil, nil, err
	}
	vars, bad = parseDotenv(text)
	return vars, bad, nil
}

// readText reads a file that people write. Some of their editors begin it with a
// mark of its encoding.
func readText(name string) (string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	return decode(text)
}

func decode(text []byte) (string, error) {
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		return "", errors.New("it is UTF-16 text, want UTF-8: save it anew with that encoding")
	}
	return strings.TrimPrefix(string(text), "\ufeff"), nil
}

// isOptional reports whether err only says that there is no .env, which nobody
// asked for.
func isOptional(name string, err error) bool {
	return errors.Is(err, fs.ErrNotExist) && name == DefaultFile
}
