package bench

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestVisitorReadsOneAnswerAfterTheOther: what one left unread would be taken for the
// next.
func TestVisitorReadsOneAnswerAfterTheOther(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.UserAgent() {
		case "short":
			w.Write([]byte(r.Header.Get("Bearer")))
		case "unknown length":
			w.WriteHeader(http.StatusAccepted)
			w.(http.Flusher).Flush()
			w.Write([]byte("x"))
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	defer srv.Close()
	v, err := newVisitor(t.Context(), srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer v.close()
	for _, tt := range []struct {
		method, agent string
		code          int
		body          string
	}{
		{http.MethodGet, "short", 200, "secret"}, {http.MethodHead, "short", 200, ""}, {http.MethodGet, "nothing", 204, ""},
		{http.MethodHead, "nothing", 204, ""}, {http.MethodPut, "short", 200, "secret"},
	} {
		if code, body, err := v.do(request(tt.method, "secret", tt.agent)); err != nil || code != tt.code || string(body) != tt.body {
			t.Errorf("%s, %s: %d %q, %v, want %d %q", tt.method, tt.agent, code, body, err, tt.code, tt.body)
		}
	}
	if code, body, err := v.do(request(http.MethodGet, "secret", "unknown length")); err == nil {
		t.Errorf("an answer of unknown length is taken for %d %q", code, body)
	}
}

func TestCountsAreWrittenAsPeopleDo(t *testing.T) {
	for n, want := range map[int]string{1: "1 host", 3: "3 hosts", 999: "999 hosts", 1000: "1,000 hosts", 10000: "10,000 hosts"} {
		if got := count(n, "hosts"); got != want {
			t.Errorf("count(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestShortRunsHaveFewerOfAll(t *testing.T) {
	for _, tt := range []struct{ divide, n, want int }{{1, 10000, 10000}, {100, 10000, 100}, {100, 100, 4}, {100, 3, 3}} {
		if got := (options{divide: tt.divide}).scaled(tt.n); got != tt.want {
			t.Errorf("%d divided by %d = %d, want %d", tt.n, tt.divide, got, tt.want)
		}
	}
}

// TestClientsTouchSessionsOfTheirOwn: two at one session would wait for each other.
func TestClientsTouchSessionsOfTheirOwn(t *testing.T) {
	for _, sessions := range []int{256, 300, 5000} {
		l := &touchLoad{world: &world{plan: plan{sessions: sessions}}}
		for _, n := range connections() {
			owner := make(map[string]int)
			for i := range 3 * sessions / n {
				for who := range n {
					agent := l.whose(n, who, i)
					if other, ok := owner[agent]; ok && other != who {
						t.Fatalf("%d clients, %d sessions: %d and %d both touch %s", n, sessions, who, other, agent)
					}
					owner[agent] = who
				}
			}
		}
	}
}
