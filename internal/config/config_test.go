package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"wrpdistributor/internal/hosts"
)

// names returns every variable that the code reads, and its default.
func names() map[string]string {
	all := map[string]string{}
	for f := range reflect.TypeFor[variables]().Fields() {
		all[f.Tag.Get("envconfig")] = f.Tag.Get("default")
	}
	return all
}

// setenv makes env all there is of our variables.
func setenv(t *testing.T, env map[string]string) {
	t.Helper()
	for name := range names() {
		t.Setenv(name, "") // restores it after the test
		os.Unsetenv(name)
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
}

// parseEnv is Load without file and environment.
func parseEnv(env map[string]string) (*Config, error) {
	return parse(variablesOf(env), false, "")
}

func variablesOf(env map[string]string) *variables {
	v := new(variables)
	v.complete(func(name string) string { return env[name] })
	return v
}

func writeFile(t testing.TB, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// writeKey makes a private key; an empty passphrase is none.
func writeKey(t testing.TB, path, passphrase string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	block := &pem.Block{Type: "EC PRIVATE KEY", Bytes: der}
	if passphrase != "" {
		//lint:ignore SA1019 the old way to lock a key opens at once, OpenSSH's takes a second under the race detector
		block, err = x509.EncryptPEMBlock(rand.Reader, block.Type, der, []byte(passphrase), x509.PEMCipherAES256)
	}
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, string(pem.EncodeToMemory(block)))
}

var ignoreFuncs = cmpopts.IgnoreFields(Config{}, "Strategy")

func TestDefaults(t *testing.T) {
	got, err := parseEnv(map[string]string{"AUTH_TOKEN": "k"})
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		AuthToken:      "k",
		Hosts:          []hosts.Host{{Name: "local", Max: 10}},
		Distribution:   "equal",
		StartPort:      9090,
		SparePorts:     16,
		KnownHosts:     hosts.KnownHosts{Files: []string{"ssh/known_hosts", "data/known_hosts"}},
		Database:       Database{Driver: SQLite, Path: "data/distributor.db"},
		DataDir:        "data",
		RuntimeDir:     "data",
		Listen:         ":7777",
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
		Container: hosts.ContainerConfig{
			Image:  "alb42/amifoxserver:latest",
			Args:   []string{"-O", "-n", "-token", "{token}", "-log", "/dev/null"},
			Memory: 1 << 30,
			Pids:   512,
		},
		MemoryReserve:   512 << 20,
		ConnectTimeout:  5 * time.Second,
		StartTimeout:    time.Minute,
		ReadyTimeout:    5 * time.Second,
		StopTimeout:     2 * time.Second,
		OrphanGrace:     2 * time.Minute,
		ShutdownTimeout: 15 * time.Second,
		CleanupTimeout:  10 * time.Minute,
		WarmMaxAge:      time.Hour,
		Portal:          Portal{Wait: 3 * time.Second, PerAddress: 2},
		LogLevel:        slog.LevelInfo,
		LogFormat:       "text",
		JournalKeep:     14 * 24 * time.Hour,
		StatisticsKeep:  400 * 24 * time.Hour,
	}
	if diff := cmp.Diff(want, got, ignoreFuncs, cmpopts.IgnoreUnexported(Config{}), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
}

func TestVariableSetsItsField(t *testing.T) {
	for _, tt := range []struct {
		variable, value string
		got             func(*Config) any
		want            any
	}{
		{"MAX_CONTAINERS_RUNNING", "auto", func(c *Config) any { return c.Hosts[0] }, hosts.Host{Name: "local", Max: 100, Auto: true}},
		{"MEMORY_RESERVE", "2g", func(c *Config) any { return c.MemoryReserve }, int64(2 << 30)},
		{"MEMORY_RESERVE", "0", func(c *Config) any { return c.MemoryReserve }, int64(0)},
		{"LISTEN", "127.0.0.1:0", func(c *Config) any { return c.Listen }, "127.0.0.1:0"},
		{"LISTEN", "[::1]:80", func(c *Config) any { return c.Listen }, "[::1]:80"},
		{"LISTEN", "  ", func(c *Config) any { return c.Listen }, ":7777"},
		{"START_PORT", " 1 ", func(c *Config) any { return c.StartPort }, 1},
		{"START_PORT", "65510", func(c *Config) any { return c.StartPort }, 65510},
		{"SPARE_PORTS", "0", func(c *Config) any { return c.SparePorts }, 0},
		{"SPARE_PORTS", "56436", func(c *Config) any { return c.SparePorts }, 56436},
		{"LOCAL_ADDRESS", "192.168.1.7", func(c *Config) any { return c.Hosts[0].Address }, "192.168.1.7"},
		{"LOCAL_ADDRESS", "[2001:db8::7]", func(c *Config) any { return c.LocalAddress }, "2001:db8::7"},
		{"PUBLISH_ADDRESS", "", func(c *Config) any { return c.Hosts[0].Publish }, ""},
		{"PUBLISH_ADDRESS", "127.0.0.1", func(c *Config) any { return c.Hosts[0].Publish }, "127.0.0.1"},
		{"PUBLISH_ADDRESS", "[::1]", func(c *Config) any { return c.Hosts[0].Publish }, "::1"},
		{"PUBLISH_ADDRESS", "::ffff:10.0.0.1", func(c *Config) any { return c.Hosts[0].Publish }, "10.0.0.1"},
		{"TRUSTED_PROXIES", "none", func(c *Config) any { return len(c.TrustedProxies) }, 0},
		{"TRUSTED_PROXIES", "192.168.1.7, fd00::/8", func(c *Config) any { return c.TrustedProxies[0].String() }, "192.168.1.7/32"},
		{"TRUSTED_PROXIES", "192.168.1.7, fd00::/8", func(c *Config) any { return c.TrustedProxies[1].String() }, "fd00::/8"},
		{"TRUSTED_PROXIES", "10.1.2.3/8", func(c *Config) any { return c.TrustedProxies[0].String() }, "10.0.0.0/8"},
		{"TRUSTED_PROXIES", "::ffff:10.1.2.3", func(c *Config) any { return c.TrustedProxies[0].String() }, "10.1.2.3/32"},
		{"ADMIN_TOKEN", "a", func(c *Config) any { return string(c.AdminToken) }, "a"},
		{"BACKEND_TOKEN", "a", func(c *Config) any { return string(c.BackendToken) }, "a"},
		{"METRICS_TOKEN", "a", func(c *Config) any { return string(c.MetricsToken) }, "a"},
		{"AUTH_TOKEN_PREVIOUS", "a", func(c *Config) any { return string(c.AuthTokenPrevious) }, "a"},
		{"INSTANCE", "living room", func(c *Config) any { return c.Instance }, "living room"},
		{"DATA_DIR", "/d", func(c *Config) any { return c.Database.Path }, "/d/distributor.db"},
		{"DATA_DIR", "/d", func(c *Config) any { return c.DataDir }, "/d"},
		{"SSH_DIR", "/s", func(c *Config) any { return c.KnownHosts.Files[0] }, "/s/known_hosts"},
		{"SSH_HOST_KEYS", "accept-new", func(c *Config) any { return c.KnownHosts.AcceptNew }, "data/known_hosts"},
		{"WRP_IMAGE", "registry.example:5000/wrp@sha256:" + strings.Repeat("0a", 32), func(c *Config) any { return c.Container.Image[:8] }, "registry"},
		{"WRP_ARGS", "none", func(c *Config) any { return len(c.Container.Args) }, 0},
		{"WRP_ARGS", `-a "b c" ''  d'"'e`, func(c *Config) any { return strings.Join(c.Container.Args, "|") }, `-a|b c||d"e`},
		{"CONTAINER_MEMORY", "0", func(c *Config) any { return c.Container.Memory }, int64(0)},
		{"CONTAINER_MEMORY", "512MB", func(c *Config) any { return c.Container.Memory }, int64(512 << 20)},
		{"CONTAINER_CPUS", "0.25", func(c *Config) any { return c.Container.CPUs }, 0.25},
		{"CONTAINER_PIDS", "0", func(c *Config) any { return c.Container.Pids }, int64(0)},
		{"CONTAINER_NETWORK", "my-net_1.x", func(c *Config) any { return c.Container.Network.Name }, "my-net_1.x"},
		{"RUNTIME_DIR", "/run/wrp", func(c *Config) any { return c.RuntimeDir }, "/run/wrp"},
		{"CONTAINER_SUBNET", "10.99.0.0/24", func(c *Config) any { return c.Container.Network.Subnet.String() }, "10.99.0.0/24"},
		{"CONNECT_TIMEOUT", "7s", func(c *Config) any { return c.ConnectTimeout }, 7 * time.Second},
		{"START_TIMEOUT", "15s", func(c *Config) any { return c.StartTimeout }, 15 * time.Second},
		{"READY_TIMEOUT", "7s", func(c *Config) any { return c.ReadyTimeout }, 7 * time.Second},
		{"STOP_TIMEOUT", "500ms", func(c *Config) any { return c.StopTimeout }, 500 * time.Millisecond},
		{"ORPHAN_GRACE", "1h30m", func(c *Config) any { return c.OrphanGrace }, 90 * time.Minute},
		{"SHUTDOWN_TIMEOUT", "7s", func(c *Config) any { return c.ShutdownTimeout }, 7 * time.Second},
		{"CLEANUP_EVERY", "1m", func(c *Config) any { return c.CleanupEvery }, time.Minute},
		{"CLEANUP_TIMEOUT", "3", func(c *Config) any { return c.CleanupTimeout }, 3 * time.Minute},
		{"MAX_SESSION_AGE", "8h", func(c *Config) any { return c.MaxSessionAge }, 8 * time.Hour},
		{"MAX_SESSION_AGE", "", func(c *Config) any { return c.MaxSessionAge }, time.Duration(0)},
		{"WARM_CONTAINERS", "10", func(c *Config) any { return c.Hosts[0].Warm }, 10},
		{"WARM_TLS_CONTAINERS", "0", func(c *Config) any { return c.Hosts[0].WarmTLS }, 0},
		{"WARM_MAX_AGE", "5m", func(c *Config) any { return c.WarmMaxAge }, 5 * time.Minute},
		{"WARM_RELEASE_ON_EXIT", "Yes", func(c *Config) any { return c.WarmRelease }, true},
		{"GATEWAY_LISTEN", ":8080", func(c *Config) any { return c.Gateway }, Gateway{Listen: ":8080", Address: ":8080"}},
		{"LOG_LEVEL", "debug", func(c *Config) any { return c.LogLevel }, slog.LevelDebug},
		{"LOG_LEVEL", "WARN", func(c *Config) any { return c.LogLevel }, slog.LevelWarn},
		{"LOG_LEVEL", "error", func(c *Config) any { return c.LogLevel }, slog.LevelError},
		{"LOG_FORMAT", "json", func(c *Config) any { return c.LogFormat }, "json"},
		{"LOG_CLIENTS", "hash", func(c *Config) any { return c.HashClients }, true},
		{"JOURNAL_KEEP", "36h", func(c *Config) any { return c.JournalKeep }, 36 * time.Hour},
		{"DASHBOARD_PUBLIC", "1", func(c *Config) any { return c.DashboardPublic }, true},
		{"STATISTICS_KEEP", "731d", func(c *Config) any { return c.StatisticsKeep }, 731 * 24 * time.Hour},
		{"JOURNAL_KEEP", "400d", func(c *Config) any { return c.JournalKeep }, 400 * 24 * time.Hour},
		{"CONTAINER_DISTRIBUTION_METHOD", "fillhost", func(c *Config) any { return c.Distribution }, "fillhost"},
	} {
		c, err := parseEnv(map[string]string{"AUTH_TOKEN": "k", tt.variable: tt.value})
		if err != nil {
			t.Errorf("%s=%q: %v", tt.variable, tt.value, err)
			continue
		}
		if got := tt.got(c); got != tt.want {
			t.Errorf("%s=%q gave %v, want %v", tt.variable, tt.value, got, tt.want)
		}
	}
}

func TestDistributionMethodChoosesStrategy(t *testing.T) {
	// On these loads they differ.
	loads := []hosts.Load{{Host: "a", Used: 1, Max: 2}, {Host: "b", Used: 0, Max: 2}, {Host: "c", Used: 1, Max: 2, Memory: 4 << 30}}
	for method, want := range map[string]int{"": 1, "equal": 1, "fillhost": 0, "FillHost": 0, "resources": 2} {
		c, err := parseEnv(map[string]string{"AUTH_TOKEN": "k", "CONTAINER_DISTRIBUTION_METHOD": method})
		if err != nil {
			t.Errorf("method %q: %v", method, err)
		} else if got, _ := c.Strategy(loads); got != want {
			t.Errorf("method %q chooses host %d, want %d", method, got, want)
		}
	}
}

func TestFileOfThePHPProgramIsUnderstood(t *testing.T) {
	setenv(t, nil)
	t.Chdir(t.TempDir())
	writeKey(t, "ssh/one", "pass~word one")
	writeKey(t, "ssh/two", "")
	writeFile(t, ".env", "MAX_CONTAINERS_RUNNING=2,4\r\n"+
		"CONTAINER_HOSTS=host1.domain.tld,10.0.0.2\r\n"+
		"CONTAINER_HOSTS_KEYS='username~one~pass~word one,username~two~ignored'\r\n"+
		"# a comment\r\n"+
		"CONTAINER_HOSTS_TLS_CERTS=/dev/null~/dev/null,/etc/c.pem~/etc/k.pem\r\n"+
		"CONTAINER_DISTRIBUTION_METHOD=fillhost\r\n"+
		"SESSION_DATABASE_DSN=\"mysql:dbname=wrpdistributor;host=mysql_wrpdistributor\"\r\n"+
		"SESSION_DATABASE_USER=wrpdistributor\r\n"+
		"SESSION_DATABASE_PASS=pa$WORD$1\r\n"+
		"START_PORT=9090\r\n"+
		"AUTH_TOKEN=putMoreSecureValueHere")
	c, err := Load(DefaultFile, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Database.MySQL.Addr, "mysql_wrpdistributor:3306"; got != want {
		t.Errorf("database address %q, want %q", got, want)
	}
	if got, want := c.Database.MySQL.Passwd, "pa$WORD$1"; got != want {
		t.Errorf("database password %q, want %q", got, want)
	}
	if got, want := string(c.AuthToken), "putMoreSecureValueHere"; got != want {
		t.Errorf("token %q, want %q", got, want)
	}
	for i := range c.Hosts {
		if c.Hosts[i].SSH == nil || c.Hosts[i].SSH.Signer == nil {
			t.Fatalf("host %s has no key", c.Hosts[i].Name)
		}
		c.Hosts[i].SSH.Signer = nil
	}
	want := []hosts.Host{
		{Name: "host1.domain.tld", Address: "host1.domain.tld", Max: 2, SSH: &hosts.SSH{Addr: "host1.domain.tld:22", User: "username"}},
		{Name: "10.0.0.2", Address: "10.0.0.2", Max: 4, SSH: &hosts.SSH{Addr: "10.0.0.2:22", User: "username"}, TLS: &hosts.TLSFiles{Cert: "/etc/c.pem", Key: "/etc/k.pem"}},
	}
	if diff := cmp.Diff(want, c.Hosts); diff != "" {
		t.Errorf("hosts (-want +got):\n%s", diff)
	}
}

func TestEnvironmentWinsOverFile(t *testing.T) {
	setenv(t, map[string]string{"START_PORT": "7000", "INSTANCE": ""})
	file := writeFile(t, filepath.Join(t.TempDir(), "env"), "AUTH_TOKEN=file\nSTART_PORT=8000\nINSTANCE=file\nLISTEN=\nSSH_DIR=${INSTANCE}/x\n")
	c, err := Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.StartPort != 7000 || c.AuthToken != "file" || c.Instance != "" || c.Listen != ":7777" || c.KnownHosts.Files[0] != "file/x/known_hosts" {
		t.Errorf("StartPort %d, AuthToken %q, Instance %q, Listen %q, known hosts %q; want 7000, file, none, :7777, file/x/known_hosts",
			c.StartPort, string(c.AuthToken), c.Instance, c.Listen, c.KnownHosts.Files[0])
	}
	if value, set := os.LookupEnv("AUTH_TOKEN"); set {
		t.Errorf("Load has set AUTH_TOKEN=%q in the environment", value)
	}
}

func TestOnlyTheDefaultFileMayBeMissing(t *testing.T) {
	const good = "AUTH_TOKEN=k\n"
	const missing = "AUTH_TOKEN: not set, want the secret that clients send, for example from: openssl rand -hex 20\n" +
		".env: no such file in this folder, so only the environment was read"
	for _, tt := range []struct {
		name, text, load string // text "-": no file
		want             string // "": no error
	}{
		{"default", good, ".env", ""},
		{"no file", good, "", "AUTH_TOKEN: not set"},
		{"default missing", "-", ".env", missing},
		{"other missing", "-", "prod.env", "prod.env: open prod.env: no such file"},
		{"a folder", good, ".", ".: read .: is a directory"},
		{"no equals sign", good + "\n# hunter2\nhunter2\n", ".env", ".env: line 4 is not NAME=value"},
		{"no equals sign, no line end", good + "hunter2", ".env", ".env: line 2 is not NAME=value"},
		{"open quote", good + "A=1\nB='hunter2\nC=hunter2", ".env", ".env: line 3 is not NAME=value"},
		{"bad name", "hunter2-x=hunter2\n" + good, ".env", ".env: line 1 is not NAME=value"},
		{"unknown variable", good + "AUTH_TOKEN_OLD=hunter2\n", ".env", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			setenv(t, nil)
			t.Chdir(t.TempDir())
			if tt.text != "-" {
				writeFile(t, ".env", tt.text)
			}
			_, err := Load(tt.load, nil)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want)) {
				t.Errorf("Load(%q) = %v, want %q", tt.load, err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("Load(%q) prints a value: %v", tt.load, err)
			}
		})
	}
}

func TestPretendNeedsNoHosts(t *testing.T) {
	setenv(t, map[string]string{
		"AUTH_TOKEN": "k", "CONTAINER_HOSTS": "a,a,-", "CONTAINER_HOSTS_KEYS": "nonsense",
		"MAX_CONTAINERS_RUNNING": "3", "START_PORT": "1000", "CONTAINER_HOSTS_TLS_CERTS": "/c~/k",
	})
	c, err := LoadPretend("", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := hosts.Host{Max: 3, TLS: &hosts.TLSFiles{Cert: "/c", Key: "/k"}}
	if diff := cmp.Diff(want, c.Pretend); diff != "" || c.Hosts != nil || c.StartPort != 1000 {
		t.Errorf("Pretend (-want +got):\n%s\nHosts %v, want none; StartPort %d, want 1000", diff, c.Hosts, c.StartPort)
	}

	for variable, value := range map[string]string{"MAX_CONTAINERS_RUNNING": "3,4", "CONTAINER_HOSTS_TLS_CERTS": "/c~/k,", "START_PORT": "65530"} {
		setenv(t, map[string]string{"AUTH_TOKEN": "k", variable: value})
		if _, err := LoadPretend("", nil); err == nil || !strings.HasPrefix(err.Error(), variable+"=") {
			t.Errorf("LoadPretend with %s=%s: %v, want a problem", variable, value, err)
		}
	}
}

// The file shows the defaults, and examples that make a good configuration.
func TestExampleFileListsEveryVariable(t *testing.T) {
	text, err := os.ReadFile("../../.env.dist")
	if err != nil {
		t.Fatal(err)
	}
	inFile, examples := map[string]string{}, map[string]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if _, example, ok := strings.Cut(line, "Example"); ok {
			_, example, _ = strings.Cut(example, ": ")
			name, value, _ := strings.Cut(example, "=")
			examples[name] = value
		}
		name, value, ok := strings.Cut(strings.TrimPrefix(line, "#"), "=")
		if !ok || strings.Contains(name, " ") {
			continue
		}
		if _, twice := inFile[name]; twice {
			t.Errorf(".env.dist has %s twice", name)
		}
		if inFile[name] = value; !strings.HasPrefix(line, "#") && line != "AUTH_TOKEN=" {
			t.Errorf(".env.dist sets %s, want it commented out", name)
		}
	}
	if diff := cmp.Diff(names(), inFile); diff != "" {
		t.Errorf("variables and defaults (-code +.env.dist):\n%s", diff)
	}

	// The examples make one good configuration together.
	t.Chdir(t.TempDir())
	writeKey(t, "ssh/a.key", "")
	writeKey(t, "ssh/b.key", "the passphrase of b.key")
	examples["AUTH_TOKEN"] = "k"
	if c, err := parseEnv(examples); err != nil {
		t.Errorf("the examples of .env.dist:\n%v", err)
	} else if len(c.Hosts) != 2 || len(examples) < 10 {
		t.Errorf("the examples %v have %d hosts, want 2", slices.Sorted(maps.Keys(examples)), len(c.Hosts))
	}
}
