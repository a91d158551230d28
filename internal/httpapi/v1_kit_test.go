package httpapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"wrpdistributor/docs"
	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/httpapi"
	"wrpdistributor/internal/service/servicetest"
)

const backendToken, metricsToken = "b4ckend", "m3trics"

// A described bench compares every answer with docs/openapi.yaml.
type described struct {
	*bench
	doc    *openapi3.T
	router routers.Router
}

func describe(t *testing.T, db *database.DB, opt servicetest.Options, change func(*httpapi.Config)) *described {
	t.Helper()
	return describeKit(t, servicetest.New(t, db, opt), change)
}

func describeKit(t *testing.T, k *servicetest.Kit, change func(*httpapi.Config)) *described {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData([]byte(docs.OpenAPI))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatalf("docs/openapi.yaml: %v", err)
	}
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	b := serve(t, k, func(c *httpapi.Config) {
		c.BackendToken, c.MetricsToken, c.Version = backendToken, metricsToken, "v1.2.3"
		if change != nil {
			change(c)
		}
	})
	return &described{b, doc, router}
}

// An ask is a request to /v1 and what has to come back.
type ask struct {
	method, path string
	token        string // "": that of clients; "none": none
	header       string // "Name: value|Name: value"; a User-Agent is there unless given
	body         string // JSON, unless header has a Content-Type
	code         int
	problem      string // its name, if the answer is one
	fields       string // of the answer that are there, "a b c"; "": not looked at
	headers      string // regular expression for "Name: value" lines of the answer
}

// ask returns the answer's body, decoded.
func (d *described) ask(t *testing.T, a ask) map[string]any {
	t.Helper()
	req := d.request(t, a)
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	what := fmt.Sprintf("%s %s [%s %s] %.60q", a.method, a.path, a.token, a.header, a.body)
	if resp.StatusCode != a.code {
		t.Errorf("%s: status = %d, want %d (%s)", what, resp.StatusCode, a.code, text)
	}
	if err := d.validate(req, resp, text); err != nil {
		t.Errorf("%s: the answer %d %s is not as described: %v", what, resp.StatusCode, text, err)
	}
	var lines strings.Builder
	if err := resp.Header.Write(&lines); err != nil || !regexp.MustCompile(a.headers).MatchString(lines.String()) {
		t.Errorf("%s: headers = %q, want %q", what, lines.String(), a.headers)
	}
	got := make(map[string]any)
	if len(text) > 0 && strings.Contains(resp.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(text, &got); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	d.compare(t, what, a, resp, got)
	return got
}

func (d *described) compare(t *testing.T, what string, a ask, resp *http.Response, got map[string]any) {
	t.Helper()
	if fields := strings.Join(slices.Sorted(maps.Keys(got)), " "); a.fields != "" && fields != a.fields {
		t.Errorf("%s: fields %s, want %s", what, fields, a.fields)
	}
	if a.method == http.MethodHead {
		return
	}
	want := "urn:wrp-distributor:problem:" + a.problem
	if a.problem != "" && (got["type"] != want || got["request"] != resp.Header.Get("X-Request-Id") || got["status"] != float64(a.code)) {
		t.Errorf("%s: %v, want the problem %s of request %s", what, got, a.problem, resp.Header.Get("X-Request-Id"))
	}
	if a.token == adminToken {
		return // operators are told names
	}
	for _, word := range []string{"host0", "host1", "sql", "SQL", "docker", "Docker", "127.0.0.1:", "dial"} {
		if detail, _ := got["detail"].(string); strings.Contains(detail, word) {
			t.Errorf("%s: a client is told %q", what, detail)
		}
	}
}

func (d *described) request(t *testing.T, a ask) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), a.method, d.url+a.path, strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	switch a.token {
	case "none":
	case "":
		req.Header.Set("Authorization", "Bearer "+token)
	default:
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	req.Header.Set("User-Agent", "Amiga")
	if a.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for line := range strings.SplitSeq(a.header, "|") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			req.Header.Set(name, strings.TrimSpace(value))
		}
	}
	return req
}

// validate compares an answer with the description of its route. What names none, or a
// method that is not described, has to be a problem.
func (d *described) validate(req *http.Request, resp *http.Response, body []byte) error {
	find := req.Clone(req.Context())
	find.URL.Scheme, find.URL.Host, find.Host = "", "", "" // as in servers
	route, params, err := d.router.FindRoute(find)
	if err != nil || route.Operation == nil {
		switch {
		case resp.StatusCode < 400:
			return fmt.Errorf("it is not described: %w", err)
		case req.Method == http.MethodHead:
			return nil
		}
		var v any
		if err := json.Unmarshal(body, &v); err != nil {
			return err
		}
		return d.doc.Components.Schemas["Problem"].Value.VisitJSON(v, openapi3.EnableJSONSchema2020())
	}
	return openapi3filter.ValidateResponse(req.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, Route: route, PathParams: params},
		Status:                 resp.StatusCode,
		Header:                 resp.Header,
		Body:                   io.NopCloser(bytes.NewReader(body)),
		Options:                &openapi3filter.Options{IncludeResponseStatus: true},
	})
}

// waiting makes the bench ask a server that has no database yet.
func (d *described) waiting(t *testing.T) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	srv := httptest.NewServer(httpapi.NewWaiting(httpapi.Config{AuthToken: token, Guard: auth.New(nil, log), Log: log}))
	t.Cleanup(srv.Close)
	d.url = srv.URL
}
