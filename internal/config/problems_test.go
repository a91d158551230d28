package config

import (
	"errors"
	"strings"
	"testing"
)

func TestBadValueIsOneProblem(t *testing.T) {
	const whole, unit, one = "want a whole number", "want a time with its unit", "want a size with its unit"
	for _, tt := range []struct{ variable, value, want string }{
		{"AUTH_TOKEN", "", "AUTH_TOKEN: not set, want the secret"},
		{"AUTH_TOKEN", " ", "AUTH_TOKEN: want one line of text"},
		{"AUTH_TOKEN", "a\nb", "AUTH_TOKEN: want one line of text"},
		{"MAX_SESSION_AGE", "59s", `MAX_SESSION_AGE="59s": want at least 1m0s`},
		{"MAX_SESSION_AGE", "8", `MAX_SESSION_AGE="8": ` + unit},
		{"ADMIN_TOKEN", "a ", "ADMIN_TOKEN: want one line of text"},
		{"ADMIN_TOKEN", "k", "ADMIN_TOKEN: is that of AUTH_TOKEN"},
		{"BACKEND_TOKEN", "k", "BACKEND_TOKEN: is that of AUTH_TOKEN, and each opens something else; want another secret"},
		{"METRICS_TOKEN", "k", "METRICS_TOKEN: is that of AUTH_TOKEN"},
		{"AUTH_TOKEN_PREVIOUS", "k", "AUTH_TOKEN_PREVIOUS: is that of AUTH_TOKEN; want the one that clients had before"},
		{"AUTH_TOKEN_PREVIOUS", "a\nb", "AUTH_TOKEN_PREVIOUS: want one line of text"},
		{"START_PORT", "abc", `START_PORT="abc": ` + whole + " from 1 to 65535"},
		{"START_PORT", "0", `START_PORT="0": ` + whole},
		{"START_PORT", "65536", `START_PORT="65536": ` + whole},
		{"START_PORT", "65511", `START_PORT="65511": with 10 containers on a host, and 16 spare ports above them (SPARE_PORTS), want at most 65510`},
		{"SPARE_PORTS", "56437", `START_PORT="9090": with 10 containers on a host, and 56437 spare ports above them (SPARE_PORTS), want at most 9089`},
		{"SPARE_PORTS", "-1", `SPARE_PORTS="-1": ` + whole + " from 0 to 65535"},
		{"MAX_CONTAINERS_RUNNING", "65536", `MAX_CONTAINERS_RUNNING="65536": entry "65536": ` + whole},
		{"MAX_CONTAINERS_RUNNING", "99999999999999999999", `MAX_CONTAINERS_RUNNING="99999999999999999999": entry`},
		{"MAX_CONTAINERS_RUNNING", "56431", `START_PORT="9090": with 56431 containers on a host`},
		{"MAX_CONTAINERS_RUNNING", "0", `MAX_CONTAINERS_RUNNING="0": entry "0": ` + whole + " from 1"},
		{"MAX_CONTAINERS_RUNNING", "ten", `MAX_CONTAINERS_RUNNING="ten": entry "ten": ` + whole},
		{"MAX_CONTAINERS_RUNNING", "1,2", `MAX_CONTAINERS_RUNNING="1,2": number of entries: 2, want 1 as in CONTAINER_HOSTS`},
		{"MAX_CONTAINERS_RUNNING", "Auto", `MAX_CONTAINERS_RUNNING="Auto": entry "Auto": ` + whole + " from 1 to 65535, or auto"},
		{"MEMORY_RESERVE", "512", `MEMORY_RESERVE="512": ` + one},
		{"CONTAINER_DISTRIBUTION_METHOD", "random", `CONTAINER_DISTRIBUTION_METHOD="random": want equal, fillhost or resources`},
		{"SSH_HOST_KEYS", "no", `SSH_HOST_KEYS="no": want strict or accept-new`},
		{"LISTEN", "7777", `LISTEN="7777": want host:port`},
		{"LISTEN", ":http", `LISTEN=":http": want host:port`},
		{"LISTEN", ":", `LISTEN=":": want host:port`},
		{"LISTEN", "a b:80", `LISTEN="a b:80": want host:port`},
		{"TRUSTED_PROXIES", "10.0.0.0/8,proxy", `TRUSTED_PROXIES="10.0.0.0/8,proxy": entry "proxy": want a network`},
		{"TRUSTED_PROXIES", "10.0.0.0/33", `TRUSTED_PROXIES="10.0.0.0/33": entry "10.0.0.0/33": want a network`},
		{"TRUSTED_PROXIES", "::ffff:10.0.0.0/104", `TRUSTED_PROXIES="::ffff:10.0.0.0/104": entry "::ffff:10.0.0.0/104": want a network`},
		{"LOCAL_ADDRESS", "a:80", `LOCAL_ADDRESS="a:80": want a host name`},
		{"LOCAL_ADDRESS", "http://a", `LOCAL_ADDRESS="http://a": want a host name`},
		{"PUBLISH_ADDRESS", "a", `PUBLISH_ADDRESS="a": want an IP address of this machine, without a port`},
		{"PUBLISH_ADDRESS", "127.0.0.1:80", `PUBLISH_ADDRESS="127.0.0.1:80": want an IP address`},
		{"PUBLISH_ADDRESS", "fe80::1%eth0", `PUBLISH_ADDRESS="fe80::1%eth0": want an IP address`},
		{"INSTANCE", "a\x1b[31m", `INSTANCE="a\x1b[31m": want one line`},
		{"WRP_IMAGE", "No Image", `WRP_IMAGE="No Image": want the name of an image`},
		{"WRP_ARGS", "-a 'b", `WRP_ARGS="-a 'b": the quote ' is opened and not closed`},
		{"CONTAINER_MEMORY", "lots", `CONTAINER_MEMORY="lots": ` + one},
		{"CONTAINER_MEMORY", "512", `CONTAINER_MEMORY="512": ` + one},
		{"CONTAINER_MEMORY", "0.5", `CONTAINER_MEMORY="0.5": ` + one},
		{"CONTAINER_MEMORY", "-1g", `CONTAINER_MEMORY="-1g": ` + one},
		{"CONTAINER_MEMORY", "1e30g", `CONTAINER_MEMORY="1e30g": ` + one},
		{"CONTAINER_MEMORY", "99999999g", `CONTAINER_MEMORY="99999999g": ` + one},
		{"CONTAINER_CPUS", "0", `CONTAINER_CPUS="0": want a number of processor cores`},
		{"CONTAINER_CPUS", "NaN", `CONTAINER_CPUS="NaN": want a number of processor cores`},
		{"CONTAINER_CPUS", "+Inf", `CONTAINER_CPUS="+Inf": want a number of processor cores`},
		{"CONTAINER_CPUS", "half", `CONTAINER_CPUS="half": want a number of processor cores`},
		{"CONTAINER_PIDS", "-1", `CONTAINER_PIDS="-1": ` + whole},
		{"CONTAINER_NETWORK", "host", `CONTAINER_NETWORK="host": want a network that can publish ports`},
		{"CONTAINER_NETWORK", "none", `CONTAINER_NETWORK="none": want a network that can publish ports`},
		{"CONTAINER_NETWORK", "container:x", `CONTAINER_NETWORK="container:x": want the name of a network`},
		{"RUNTIME_DIR", "/" + strings.Repeat("x", 85), `RUNTIME_DIR="/` + strings.Repeat("x", 85) + `": want a path of at most 85 bytes`},
		{"CONTAINER_SUBNET", "10.99.0.1/24", `CONTAINER_SUBNET="10.99.0.1/24": want an IPv4 network from /8 to /28`},
		{"CONTAINER_SUBNET", "10.99.0.0/29", `CONTAINER_SUBNET="10.99.0.0/29": want an IPv4 network`},
		{"CONTAINER_SUBNET", "fd00::/64", `CONTAINER_SUBNET="fd00::/64": want an IPv4 network`},
		{"CONTAINER_SUBNET", "10.99.0.0", `CONTAINER_SUBNET="10.99.0.0": want an IPv4 network`},
		{"CONNECT_TIMEOUT", "5", `CONNECT_TIMEOUT="5": ` + unit},
		{"START_TIMEOUT", "1 minute", `START_TIMEOUT="1 minute": ` + unit},
		{"START_TIMEOUT", "14s", `START_TIMEOUT="14s": want at least 15s`},
		{"READY_TIMEOUT", "0s", `READY_TIMEOUT="0s": ` + unit},
		{"READY_TIMEOUT", "60s", `READY_TIMEOUT="60s": want less than START_TIMEOUT, which is 1m0s`},
		{"STOP_TIMEOUT", "-2s", `STOP_TIMEOUT="-2s": ` + unit},
		{"ORPHAN_GRACE", "x", `ORPHAN_GRACE="x": ` + unit},
		{"SHUTDOWN_TIMEOUT", "x", `SHUTDOWN_TIMEOUT="x": ` + unit},
		{"CLEANUP_EVERY", "1ns", `CLEANUP_EVERY="1ns": want at least 1s`},
		{"CONNECT_TIMEOUT", "1ns", `CONNECT_TIMEOUT="1ns": want at least 100ms`},
		{"READY_TIMEOUT", "5us", `READY_TIMEOUT="5us": want at least 100ms`},
		{"STOP_TIMEOUT", "2ms", `STOP_TIMEOUT="2ms": want at least 100ms`},
		{"SHUTDOWN_TIMEOUT", "15ms", `SHUTDOWN_TIMEOUT="15ms": want at least 100ms`},
		{"ORPHAN_GRACE", "2us", `ORPHAN_GRACE="2us": want at least 1ms`},
		{"CLEANUP_EVERY", "0", `CLEANUP_EVERY="0": ` + unit},
		{"CLEANUP_TIMEOUT", "10m", `CLEANUP_TIMEOUT="10m": ` + whole},
		{"CLEANUP_TIMEOUT", "0", `CLEANUP_TIMEOUT="0": ` + whole},
		{"LOG_LEVEL", "loud", `LOG_LEVEL="loud": want debug, info, warn or error`},
		{"LOG_LEVEL", "INFO+1", `LOG_LEVEL="INFO+1": want debug`},
		{"LOG_FORMAT", "xml", `LOG_FORMAT="xml": want text or json`},
		{"LOG_CLIENTS", "none", `LOG_CLIENTS="none": want address or hash`},
		{"JOURNAL_KEEP", "0d", `JOURNAL_KEEP="0d": want a time with its unit, above zero, such as 14d or 12h`},
		{"JOURNAL_KEEP", "1.5d", `JOURNAL_KEEP="1.5d": want a time`},
		{"DASHBOARD_PUBLIC", "yes", `DASHBOARD_PUBLIC="yes": want 1 or 0`},
		{"STATISTICS_KEEP", "1h", `STATISTICS_KEEP="1h": want at least 24h0m0s`},
		{"JOURNAL_KEEP", "1m", `JOURNAL_KEEP="1m": want at least 1h0m0s`},
	} {
		_, err := parseEnv(map[string]string{"AUTH_TOKEN": "k", tt.variable: tt.value})
		if tt.variable == "AUTH_TOKEN" {
			_, err = parseEnv(map[string]string{tt.variable: tt.value})
		}
		if err == nil {
			t.Errorf("%s=%q: no problem, want %q", tt.variable, tt.value, tt.want)
		} else if got := err.Error(); !strings.HasPrefix(got, tt.want) || strings.Contains(got, "\n") {
			t.Errorf("%s=%q:\n%s\nwant one line that starts with\n%s", tt.variable, tt.value, got, tt.want)
		}
	}
}

// TestWrongLimitIsNoProblemOfThePorts: what would have to fit above START_PORT is not
// known then.
func TestWrongLimitIsNoProblemOfThePorts(t *testing.T) {
	for _, limit := range []string{"0", "ten", "1,2"} {
		_, err := parseEnv(map[string]string{"AUTH_TOKEN": "k", "START_PORT": "65530", "MAX_CONTAINERS_RUNNING": limit})
		if err == nil || strings.Contains(err.Error(), "START_PORT") {
			t.Errorf("MAX_CONTAINERS_RUNNING=%s, START_PORT=65530: %v, want no word of START_PORT", limit, err)
		}
	}
}

func TestEveryProblemIsReportedAtOnce(t *testing.T) {
	setenv(t, map[string]string{
		"CONTAINER_HOSTS": "a,b,a", "MAX_CONTAINERS_RUNNING": "1,x,0", "CONTAINER_HOSTS_KEYS": "u~k",
		"CONTAINER_HOSTS_TLS_CERTS": "c~k", "SESSION_DATABASE_DSN": "pgsql:dbname=x", "LISTEN": "x",
		"CONNECT_TIMEOUT": "soon", "LOG_FORMAT": "xml", "ADMIN_TOKEN": "a", "ADMIN_TOKEN_FILE": "f",
	})
	_, err := Load("", nil)
	want := `AUTH_TOKEN: not set, want the secret that clients send, for example from: openssl rand -hex 20
CONTAINER_HOSTS="a,b,a": entry "a": want each host once
MAX_CONTAINERS_RUNNING="1,x,0": entry "x": want a whole number from 1 to 65535, or auto
MAX_CONTAINERS_RUNNING="1,x,0": entry "0": want a whole number from 1 to 65535, or auto
CONTAINER_HOSTS_KEYS: number of entries: 1, want 3 as in CONTAINER_HOSTS
CONTAINER_HOSTS_TLS_CERTS="c~k": number of entries: 1, want 3 as in CONTAINER_HOSTS
SESSION_DATABASE_DSN: no such database here, want MySQL, MariaDB or SQLite
LISTEN="x": want host:port, or :port for all addresses, such as :7777 or 127.0.0.1:7777
ADMIN_TOKEN_FILE="f": is set, and so is ADMIN_TOKEN; want only one of them
CONNECT_TIMEOUT="soon": want a time with its unit, above zero, such as 10s or 2m
LOG_FORMAT="xml": want text or json`
	if err == nil || err.Error() != want {
		t.Errorf("Load:\n%v\nwant:\n%s", err, want)
	}
	if problems, ok := errors.AsType[Problems](err); !ok || len(problems) != 11 {
		t.Errorf("Load's error is a %T of %d, want 11 Problems", err, len(problems))
	}
}

// TestMemoryDecidesOnlyIfContainersHaveALimit.
func TestMemoryDecidesOnlyIfContainersHaveALimit(t *testing.T) {
	for variable, value := range map[string]string{"MAX_CONTAINERS_RUNNING": "auto", "CONTAINER_DISTRIBUTION_METHOD": "resources"} {
		_, err := parseEnv(map[string]string{"AUTH_TOKEN": "k", "CONTAINER_MEMORY": "0", variable: value})
		if err == nil || !strings.HasPrefix(err.Error(), `CONTAINER_MEMORY="0": with a`) && !strings.HasPrefix(err.Error(), `CONTAINER_MEMORY="0": with CONTAINER_DISTRIBUTION_METHOD=`) {
			t.Errorf("%s=%s without CONTAINER_MEMORY: %v, want a problem", variable, value, err)
		}
	}
}

func TestSubnetIsNotForOperatorsNetwork(t *testing.T) {
	_, err := parseEnv(map[string]string{"AUTH_TOKEN": "k", "CONTAINER_NETWORK": "mine", "CONTAINER_SUBNET": "10.99.0.0/24"})
	if err == nil || !strings.HasPrefix(err.Error(), `CONTAINER_SUBNET="10.99.0.0/24": is of the network that we make`) {
		t.Errorf("both set: %v, want a problem", err)
	}
}

// TestBadLinesHideNoProblem: lines that cannot be read, names that nobody reads and
// bad values are named together, and nothing of what the lines say.
func TestBadLinesHideNoProblem(t *testing.T) {
	setenv(t, map[string]string{"GATEWAY_LISTENS": "s3cr3t"})
	t.Chdir(t.TempDir())
	writeFile(t, ".env", "\ufeffAUTH_TOKN=s3cr3t\ns3cr3t\nSTART_PORT=0\nLISTEN='s3cr3t\nLOG_FORMAT=xml")
	_, err := Load(DefaultFile, nil)
	want := `.env: line 2 is not NAME=value, or its quote is not closed
.env: line 4 is not NAME=value, or its quote is not closed
AUTH_TOKEN: not set, want the secret that clients send, for example from: openssl rand -hex 20
START_PORT="0": want a whole number from 1 to 65535
LOG_FORMAT="xml": want text or json
AUTH_TOKN: stands in .env, and nothing reads it; did you mean AUTH_TOKEN?
GATEWAY_LISTENS: stands in the environment, and nothing reads it; did you mean GATEWAY_LISTEN?`
	if err == nil || err.Error() != want {
		t.Errorf("Load:\n%v\nwant:\n%s", err, want)
	}

	writeFile(t, ".env", "AUTH_TOKEN=k\n"+strings.Repeat("x\n", 30))
	if _, err := Load(DefaultFile, nil); err == nil || !strings.Contains(err.Error(), "line 11 is") ||
		strings.Contains(err.Error(), "line 12 is") || !strings.Contains(err.Error(), ".env: and so are 20 more lines") {
		t.Errorf("30 bad lines:\n%v\nwant the first ten and a sum", err)
	}
}

// TestMisspeltNamesAreWarnedOf: those of the file that look like ours, and those of
// the environment that also begin like ours.
func TestMisspeltNamesAreWarnedOf(t *testing.T) {
	for name, meant := range map[string]string{
		"WARM_CONTAINERZ": "WARM_CONTAINERS", "WARM_CONTAINER": "WARM_CONTAINERS", "MAX_CONTAINER_RUNNING": "MAX_CONTAINERS_RUNNING",
		"CLEANUP_EVERYY": "CLEANUP_EVERY", "auth_token": "AUTH_TOKEN", "LISTENS": "LISTEN", "DATADIR": "DATA_DIR", "AUT_TOKEN": "AUTH_TOKEN",
		"AUTH_TOKEN_OLD": "", "MYSQL_PORT": "", "MYSQL_PASSWORD": "", "DISTRIBUTOR_PORT": "", "GATEWAY_PORT": "", "PATH": "", "SSH_TTY": "",
		"SSH_CLIENT": "", "SSH_AGENT_PID": "", "LISTEN_FDS": "", "LISTEN_PID": "", "LOG_FILE": "", "HOSTNAME": "", "LINES": "", "LISTING\n": "",
	} {
		got, ok := nearest(name, knownNames())
		if got != meant || ok != (meant != "") {
			t.Errorf("%q is taken for %q, want %q", name, got, meant)
		}
	}
	setenv(t, map[string]string{"AUTH_TOKEN": "k", "WARM_CONTAINERZ": "2", "XDATA_DIR": "of somebody else"})
	file := writeFile(t, t.TempDir()+"/env", "STRAT_PORT=1\nMYSQL_PORT=2\n")
	c, err := Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := "STRAT_PORT: stands in " + file + ", and nothing reads it; did you mean START_PORT?\n" +
		"WARM_CONTAINERZ: stands in the environment, and nothing reads it; did you mean WARM_CONTAINERS?"
	if got := c.Warnings.Error(); got != want {
		t.Errorf("warnings:\n%s\nwant:\n%s", got, want)
	}
}
