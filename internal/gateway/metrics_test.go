package gateway_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wrpdistributor/internal/metricstest"
)

// TestMetricsOfRequests: how many, with which end, how many bytes, and when the answer
// began. There are no more series after them.
func TestMetricsOfRequests(t *testing.T) {
	const page = "a page of some length"
	b, s := newUpstream(t, options{}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/odd" {
			w.WriteHeader(799)
			return
		}
		_, _ = w.Write([]byte(page))
	})
	read := func() metricstest.Series { return metricstest.Read(t, b.gw.Metrics()) }
	before := read()
	before.Want(t, "at first", metricstest.Series{
		`gateway_requests_total{code="5xx"}`: 0, `gateway_failures_total{reason="session has ended"}`: 0, `gateway_requests_under_way`: 0,
	})
	for range 3 {
		wants(t, "a page", b.get(t, "/", s.Token), http.StatusOK)
	}
	wants(t, "an odd answer", b.get(t, "/odd", s.Token), 799)
	wants(t, "a wrong token", b.get(t, "/", "wrong"), http.StatusUnauthorized)
	wants(t, "a path that is forbidden", b.get(t, "/shutdown/", s.Token), http.StatusForbidden)
	eventually(t, "all requests are over", func() bool { return read()[`wrpdistributor_gateway_requests_under_way`] == 0 })
	after := read()
	after.Want(t, "afterwards", metricstest.Series{
		`gateway_requests_total{code="2xx"}`: 3, `gateway_requests_total{code="4xx"}`: 2, `gateway_requests_total{code="other"}`: 1,
		`gateway_failures_total{reason="wrong or missing token"}`: 1, `gateway_failures_total{reason="path that shuts the container down"}`: 1,
		`gateway_answer_duration_seconds`: 4, `gateway_sessions`: 1,
	})
	if sent := after[`wrpdistributor_gateway_sent_bytes_total`]; sent < float64(3*len(page)) {
		t.Errorf("%v bytes were sent, want those of three pages at least", sent)
	}
	const sent = 1000
	resp, err := b.client.Do(b.post(t, s.Token, strings.Repeat("x", sent)))
	must(t, err)
	resp.Body.Close()
	eventually(t, "what was sent is counted", func() bool { return read()[`wrpdistributor_gateway_received_bytes_total`] == sent })
	if diff := cmp.Diff(slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(read()))); diff != "" {
		t.Errorf("series (-before +after):\n%s", diff)
	}
}

// post returns a request with a body.
func (b *bench) post(t *testing.T, token, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+"/", strings.NewReader(body))
	must(t, err)
	r.Header.Set("Bearer", token)
	return r
}
