package config

import (
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

	ContainerHosts              string `envconfig:"CONTAINER_HOSTS" default:"local"`
	MaxContainersRunning        string `envconfig:"MAX_CONTAINERS_RUNNING" default:"10"`
	ContainerHostsKeys          string `envconfig:"CONTAINER_HOSTS_KEYS" verbatim:"true"`
	ContainerHostsKeysFile      string `envconfig:"CONTAINER_HOSTS_KEYS_FILE"`
	ContainerHostsTLSCerts      string `envconfig:"CONTAINER_HOSTS_TLS_CERTS"`
	ContainerDistributionMethod string `envconfig:"CONTAINER_DISTRIBUTION_METHOD" default:"equal"`
	StartPort                   string `envconfig:"START_PORT" default:"9090"`
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

	Listen         string `envconfig:"LISTEN" default:":7777"`
	TrustedProxies string `envconfig:"TRUSTED_PROXIES" default:"127.0.0.0/8,::1/128"`
	LocalAddress   string `envconfig:"LOCAL_ADDRESS"`
	AdminToken     string `envconfig:"ADMIN_TOKEN" verbatim:"true"`
	AdminTokenFile string `envconfig:"ADMIN_TOKEN_FILE"`
	Instance       string `envconfig:"INSTANCE"`

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

	LogLevel  string `envconfig:"LOG_LEVEL" default:"info"`
	LogFormat string `envconfig:"LOG_FORMAT" default:"text"`
}

// read fills the variables from the environment, else from the file, else with
// the defaults. The environment itself stays as it is: commands that are
// tested in one process would otherwise inherit each other's files.
func read(envFile string) (*variables, error) {
	file, err := readFile(envFile)
	if err != nil && !isOptional(envFile, err) {
		return nil, Problems{{Variable: envFile, Want: err.Error()}}
	}
	v := new(variables)
	if err := envconfig.Process("", v); err != nil {
		return nil, fmt.Errorf("read the environment: %w", err)
	}
	v.complete(func(name string) string {
		if _, set := os.LookupEnv(name); set {
			return ""
		}
		return file[name]
	})
	return v, nil
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

// readFile returns the variables in a .env file.
func readFile(name string) (map[string]string, error) {
	if name == "" {
		return nil, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return parseDotenv(string(text))
}

// isOptional reports whether err only says that there is no .env, which nobody
// asked for.
func isOptional(name string, err error) bool {
	return errors.Is(err, fs.ErrNotExist) && name == DefaultFile
}
