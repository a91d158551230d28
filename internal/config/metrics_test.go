package config

import (
	"strings"
	"testing"
)

// TestMetricsListenIsLocal unless an address is named: whoever reaches it needs no token.
func TestMetricsListenIsLocal(t *testing.T) {
	for value, want := range map[string]string{
		"": "", ":9101": "127.0.0.1:9101", "127.0.0.1:0": "127.0.0.1:0", "0.0.0.0:9101": "0.0.0.0:9101", "[::1]:9101": "[::1]:9101", "metrics.example:1": "metrics.example:1",
	} {
		c, err := parseEnv(map[string]string{"AUTH_TOKEN": "k", "METRICS_LISTEN": value})
		if err != nil || c.MetricsListen != want {
			t.Errorf("METRICS_LISTEN=%s: %+v, %v; want %q", value, c, err, want)
		}
	}
	for _, value := range []string{"9101", "127.0.0.1", ":port", ":70000", "a b:1"} {
		_, err := parseEnv(map[string]string{"AUTH_TOKEN": "k", "METRICS_LISTEN": value})
		if err == nil || !strings.HasPrefix(err.Error(), `METRICS_LISTEN="`+value+`": want host:port, or :port for this machine alone`) {
			t.Errorf("METRICS_LISTEN=%s: %v", value, err)
		}
		if _, err := MetricsAddress("--metrics-listen", value); err == nil || !strings.HasPrefix(err.Error(), "--metrics-listen=") {
			t.Errorf("--metrics-listen=%s: %v", value, err)
		}
	}
}
