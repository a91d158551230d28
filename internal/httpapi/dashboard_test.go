package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"wrpdistributor/internal/auth"
)

// TestDashboardIsForOperators, unless it is public: then all see what all may know.
func TestDashboardIsForOperators(t *testing.T) {
	const operators, all = "page for operators", "page for all"
	draw := func(_ context.Context, forAll bool) ([]byte, error) {
		if forAll {
			return []byte(all), nil
		}
		return []byte(operators), nil
	}
	fails := func(context.Context, bool) ([]byte, error) { return nil, errors.New("template") }
	tests := []struct {
		name        string
		draw        func(context.Context, bool) ([]byte, error)
		public      bool
		admin       string
		method, ask string
		basic       string // password
		bearer      string
		code        int
		want        string
	}{
		{"nobody", draw, false, "op", "GET", "/dashboard", "", "", 401, ""},
		{"operator in a browser", draw, false, "op", "GET", "/dashboard", "op", "", 200, operators},
		{"operator's program", draw, false, "op", "GET", "/dashboard", "", "op", 200, operators},
		{"a client", draw, false, "op", "GET", "/dashboard", "", "client", 403, ""},
		{"a wrong password", draw, false, "op", "GET", "/dashboard", "no", "", 401, ""},
		{"no operators", draw, false, "", "GET", "/dashboard", "", "", 404, ""},
		{"no operators, empty password", draw, false, "", "GET", "/dashboard", "", " ", 404, ""},
		{"another method", draw, false, "op", "POST", "/dashboard", "op", "", 405, ""},
		{"HEAD", draw, false, "op", "HEAD", "/dashboard", "op", "", 200, operators},
		{"no database yet", nil, false, "op", "GET", "/dashboard", "op", "", 503, ""},
		{"no database yet, nobody", nil, false, "op", "GET", "/dashboard", "", "", 401, ""},
		{"a mistake", fails, false, "op", "GET", "/dashboard", "op", "", 503, ""},

		{"public, nobody", draw, true, "op", "GET", "/dashboard", "", "", 200, all},
		{"public, operator", draw, true, "op", "GET", "/dashboard", "op", "", 200, operators},
		{"public, to log in", draw, true, "op", "GET", "/dashboard?login", "", "", 401, ""},
		{"public, logged in", draw, true, "op", "GET", "/dashboard?login", "op", "", 200, operators},
		{"public, a client", draw, true, "op", "GET", "/dashboard", "", "client", 403, ""},
		{"public, no operators", draw, true, "", "GET", "/dashboard", "", "", 200, all},
		{"public, no operators, to log in", draw, true, "", "GET", "/dashboard?login", "", "", 401, ""},
		{"public, no database yet", nil, true, "op", "GET", "/dashboard", "", "", 503, ""},
	}
	for _, tt := range tests {
		log := slog.New(slog.NewTextHandler(t.Output(), nil))
		s := New(Config{Guard: auth.New(nil, log), AuthToken: "client", AdminToken: tt.admin, Dashboard: tt.draw, DashboardPublic: tt.public, Log: log})
		r, w := httptest.NewRequest(tt.method, tt.ask, nil), httptest.NewRecorder()
		r.Header.Set("User-Agent", "AmiFox")
		if tt.basic != "" {
			r.SetBasicAuth("anybody", tt.basic)
		}
		if tt.bearer != "" {
			r.Header.Set("Authorization", "Bearer "+tt.bearer)
		}
		s.ServeHTTP(w, r)
		body := w.Body.String()
		if w.Code != tt.code || tt.want != "" && body != tt.want || tt.want == "" && strings.Contains(body, "page for") {
			t.Errorf("%s: %d %q, want %d %q", tt.name, w.Code, body, tt.code, tt.want)
		}
		if challenge := fmt.Sprint(w.Header().Values("WWW-Authenticate")); (w.Code == 401) != strings.Contains(challenge, "Basic") {
			t.Errorf("%s: %d with the challenge %s", tt.name, w.Code, challenge)
		}
		if w.Code == 200 && (!strings.HasPrefix(w.Header().Get("Content-Security-Policy"), "default-src 'none'") || w.Header().Get("Cache-Control") != "no-store") {
			t.Errorf("%s: headers are %v", tt.name, w.Header())
		}
	}
}
