package hostguard

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"wrpdistributor/internal/proctest"
)

// What an engine does that is asked without a guard, or behind a filter by path.
type engineSays int

const (
	unasked engineSays = iota // it was not asked: what it does would not be undone
	takes
	declines
)

// An attempt is a request by which somebody wants more than sessions need.
type attempt struct {
	name   string
	raw    string
	want   string // part of what the guard says; "400", "501": net/http says it
	engine engineSays
}

const createTarget = "/v1.41/containers/create?name=wrp_escape"

// body is an attempt at a create.
func body(name, text, want string, engine engineSays) attempt {
	return attempt{name, post(createTarget, text), want, engine}
}

// top puts members into the body, before its others.
func top(members, want string, engine engineSays) attempt {
	return body(members, "{"+members+","+goodCreate[1:], want, engine)
}

// host puts members into HostConfig, before its others.
func host(members, want string, engine engineSays) attempt {
	return body("HostConfig "+members, strings.Replace(goodCreate, `"HostConfig":{`, `"HostConfig":{`+members+",", 1), want, engine)
}

// swap puts a text in the place of one in the body.
func swap(before, after, want string, engine engineSays) attempt {
	text := strings.Replace(goodCreate, before, after, 1)
	if text == goodCreate {
		panic("not in the body: " + before)
	}
	return body(after+" in place of "+before, text, want, engine)
}

// to is an attempt without a body.
func to(method, target, want string, engine engineSays, headers ...string) attempt {
	return attempt{strings.Join(append([]string{method, target}, headers...), " "), ask(method, target, headers...), want, engine}
}

// with is an attempt at another place than create, with a body.
func with(target, text, want string, engine engineSays) attempt {
	return attempt{"POST " + target + " " + text, post(target, text), want, engine}
}

// TestNobodyEscapes: more than a hundred ways to become more than a distributor are refused,
// and the engine is asked for nothing but whose a container is.
func TestNobodyEscapes(t *testing.T) {
	s, engine := newPretendSite(t)
	all := attempts()
	for _, a := range all {
		got := exchange(t, s.guard, s.fill(a.raw))
		a.judge(t, got)
		for _, asked := range engine.take() {
			if !lookUp.MatchString(asked) {
				t.Errorf("%.150s\n\thas the engine asked for %s", a.name, asked)
			}
		}
	}
	if len(all) < 100 {
		t.Errorf("%d attempts, want 100", len(all))
	}
}

// judge says what is wrong with the guard's answer to an attempt.
func (a attempt) judge(t *testing.T, got answered) {
	t.Helper()
	refused := got.status == http.StatusForbidden && strings.Contains(got.body, "hostguard: ") && strings.Contains(got.body, a.want)
	if !refused && fmt.Sprint(got.status) != a.want {
		t.Errorf("%.150s\n\tis answered %d %.300s, want %s", a.name, got.status, got.body, a.want)
	}
}

// TestE2ENobodyEscapes: the same before a real engine. It is asked by itself, too, for what
// can be undone, to show that it would have taken most of it, also behind a filter by path.
func TestE2ENobodyEscapes(t *testing.T) {
	proctest.E2E(t)
	s := newSite(t)
	var byPath, taken int
	all := attempts()
	for _, a := range all {
		raw := s.fill(a.raw)
		got := exchange(t, s.guard, raw)
		a.judge(t, got)
		s.undo(t, got)
		passes, took, said := passesByPath(raw), false, "not asked"
		if a.engine != unasked {
			took, said = s.askEngine(t, a, raw)
		}
		if passes {
			byPath++
		}
		if passes && took {
			taken++
		}
		t.Logf("%-100.100q guard: %d; by path: %t; engine: %s", a.name, got.status, passes, said)
	}
	t.Logf("%d attempts; a filter by path lets %d through, of which the engine took %d", len(all), byPath, taken)
	if taken < 100 {
		t.Errorf("an engine behind a filter by path takes %d, want 100", taken)
	}
}

// askEngine asks the engine by itself, and undoes what came of it.
func (s *site) askEngine(t *testing.T, a attempt, raw string) (took bool, said string) {
	t.Helper()
	direct := exchange(t, s.engine, raw)
	s.undo(t, direct)
	took = direct.status == http.StatusSwitchingProtocols || direct.status/100 == 2
	if took != (a.engine == takes) {
		t.Errorf("%.150s\n\tthe engine by itself answers %d %.300s, taken: %t", a.name, direct.status, direct.body, took)
	}
	return took, fmt.Sprintf("answers %d", direct.status)
}
