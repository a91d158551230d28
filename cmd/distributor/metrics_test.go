package main

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"wrpdistributor/internal/proctest"
)

// withMetrics has monitoring at a port of its own, and returns its URL.
func (s *stack) withMetrics() string {
	listen := proctest.FreeAddr(s.t)
	s.set("METRICS_LISTEN", listen)
	return "http://" + listen + "/metrics"
}

func (s *stack) scrape(url, token string) string {
	s.t.Helper()
	code, header, body := s.request("GET", url, token, "Prometheus")
	if code != 200 || !strings.HasPrefix(header.Get("Content-Type"), "text/plain; version=0.0.4") {
		s.t.Errorf("GET %s = %d (%s)", url, code, header.Get("Content-Type"))
	}
	return body
}

// names returns the metrics of a scrape, in order.
func names(scraped string) []string {
	found := make(map[string]bool)
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\S+) `).FindAllStringSubmatch(scraped, -1) {
		found[m[1]] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// TestMetrics of a whole service: told to monitoring and to operators alone, named as
// Prometheus wants it, and all of them described.
func TestMetrics(t *testing.T) {
	s, h := newPretendStack(t)
	s.withGateway()
	s.set("PORTAL", "accounts")
	s.set("METRICS_TOKEN", "watching")
	s.set("ADMIN_TOKEN", "0perator")
	s.set("CLEANUP_EVERY", "1h")
	s.set("WARM_CONTAINERS", "1")
	own := s.withMetrics()
	s.start()
	s.do("PUT", "AmiFox", 202)
	for _, tt := range []struct {
		method, token string
		want          int
	}{
		{"GET", "", 401}, {"GET", "wrong", 401}, {"GET", authToken, 403},
		{"GET", "watching", 200}, {"GET", "0perator", 200}, {"HEAD", "watching", 200}, {"POST", "watching", 405}, {"OPTIONS", "", 401},
	} {
		if code, _, body := s.request(tt.method, s.base+"/metrics", tt.token, "Prometheus"); code != tt.want {
			t.Errorf("%s with token %q = %d %q, want %d", tt.method, tt.token, code, body, tt.want)
		}
	}
	s.readsAsBasic("watching", 200)
	s.readsAsBasic("wrong", 401)
	for _, path := range []string{"", "/", "/v1/info", "/healthz"} {
		if code, _, _ := s.request("GET", strings.TrimSuffix(own, "/metrics")+path, "0perator", "Prometheus"); code != 404 {
			t.Errorf("%q at METRICS_LISTEN = %d, want 404", path, code)
		}
	}

	scraped := s.scrape(own, "")
	s.want("a scrape", scraped, "wrpdistributor_serving 1", `wrpdistributor_host_starts_total{host="`+h.SSHAddr()+`"} 1`,
		`wrpdistributor_host_up{host="`+h.SSHAddr()+`"} 1`, "wrpdistributor_build_info{", "wrpdistributor_database_writable 1", "process_open_fds")
	if a, b := names(scraped), names(s.scrape(s.base+"/metrics", "watching")); !slices.Equal(a, b) {
		t.Errorf("METRICS_LISTEN tells %d metrics, and the other port %d", len(a), len(b))
	}
	problems, err := promlint.New(strings.NewReader(scraped)).Lint()
	if err != nil {
		t.Error(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	for _, secret := range []string{"AmiFox", authToken, "watching", "0perator"} {
		if strings.Contains(scraped, secret) {
			t.Errorf("a scrape has %q", secret)
		}
	}
	checkManual(t, names(scraped))
	checkExpressions(t, names(scraped))
}

// readsAsBasic sends a token as browsers do.
func (s *stack) readsAsBasic(token string, want int) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.base+"/metrics", http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	r.SetBasicAuth("prometheus", token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != want {
		s.t.Errorf("with basic authentication: %d, want %d", resp.StatusCode, want)
	}
}

// TestNoMetricsWithoutToken: there is nothing to guess.
func TestNoMetricsWithoutToken(t *testing.T) {
	s, _ := newPretendStack(t)
	s.start()
	for _, token := range []string{"", authToken} {
		if code, _, _ := s.request("GET", s.base+"/metrics", token, "Prometheus"); code != 404 {
			t.Errorf("with token %q: %d, want 404", token, code)
		}
	}
}

// TestMetricsBeforeTheDatabaseAnswers: that it does not is told.
func TestMetricsBeforeTheDatabaseAnswers(t *testing.T) {
	s, server, _ := newWaitingStack(t)
	s.set("METRICS_TOKEN", "watching")
	own := s.withMetrics()
	s.launch()
	s.awaitOutput("database unavailable")
	s.want("a scrape", s.scrape(own, ""), "wrpdistributor_serving 0", "wrpdistributor_build_info{", "wrpdistributor_auth_failures_total")
	s.want("a scrape", s.scrape(s.base+"/metrics", "watching"), "wrpdistributor_serving 0")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	s.awaitReady()
	s.want("a scrape", s.scrape(own, ""), "wrpdistributor_serving 1", "wrpdistributor_overview_up 1")
}

// checkManual compares the manual with the metrics that there are.
func checkManual(t *testing.T, metrics []string) {
	t.Helper()
	var described []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(wrpdistributor_[a-z_]+)[`{]").FindAllStringSubmatch(readFile(t, reference), -1) {
		described = append(described, m[1])
	}
	slices.Sort(described)
	ours := slices.DeleteFunc(slices.Clone(metrics), func(name string) bool { return !strings.HasPrefix(name, "wrpdistributor_") })
	if !slices.Equal(described, ours) {
		t.Errorf("docs/reference.md describes\n%s\nand there are\n%s", strings.Join(described, "\n"), strings.Join(ours, "\n"))
	}
}
