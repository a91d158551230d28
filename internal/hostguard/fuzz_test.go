package hostguard

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"testing"
)

// FuzzRequest: whatever bytes come, a request that is let through asks the engine for
// something that sessions need, in a form that has one meaning.
func FuzzRequest(f *testing.F) {
	for _, a := range attempts() {
		if len(a.raw) < 8<<10 {
			f.Add([]byte(a.raw))
		}
	}
	f.Add([]byte(post(createTarget, goodCreate)))
	f.Add([]byte(ask("GET", "/v1.41/containers/"+strings.Repeat("a", 64)+"/logs?stdout=1&tail=20")))
	cfg := testConfig(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(string(raw))))
		if err != nil {
			return
		}
		q, err := readRequest(httptest.NewRecorder(), r)
		if err != nil {
			return
		}
		o, err := cfg.decide(q)
		if err != nil {
			return
		}
		checkOrder(t, &cfg, o)
	})
}

// checkOrder holds what is true of all orders.
func checkOrder(t *testing.T, cfg *Config, o *order) {
	t.Helper()
	if target := o.path(o.ref); !plainPath.MatchString(target) || path.Clean(target) != target && o.answer != ownWord {
		t.Errorf("the path is %q", target)
	}
	methods := map[string][]string{"GET": {"/_ping", "/info", "/version", "/containers/", "/containers/json", "/events", "/networks/wrp", "/images/wrp-standin:test/json", ""},
		"HEAD": {"/_ping"}, "DELETE": {"/containers/"}, "POST": {"/containers/", "/containers/create", "/networks/create", "/images/create"}}
	if !slices.Contains(methods[o.method], o.before) {
		t.Errorf("%s %s is let through", o.method, o.before)
	}
	if o.before == "/containers/" && !slices.Contains([]string{"", "/json", "/logs", "/start", "/stop", "/pause", "/unpause"}, o.after) {
		t.Errorf("%s is done to a container", o.after)
	}
	if made, ok := o.body.(newContainer); ok {
		checkContainer(t, cfg, made)
	}
}

// checkContainer holds what is true of all containers that are made, or cannot be.
func checkContainer(t *testing.T, cfg *Config, made newContainer) {
	t.Helper()
	h := made.HostConfig
	for _, m := range h.Mounts {
		if m.Type != "bind" || !m.ReadOnly || m.Source != cfg.Certificate.Cert && m.Source != cfg.Certificate.Key {
			t.Errorf("a container gets %+v", m)
		}
	}
	if made.Image == noImage {
		return
	}
	if made.Image != "wrp-standin:test" || !isDatabase(made.Labels[labelDatabase]) || len(made.Labels) != 3 || len(made.ExposedPorts) != 1 {
		t.Errorf("a container is %+v", made)
	}
	if h.NetworkMode != "wrp" || !slices.Equal(h.CapDrop, []string{"ALL"}) || !slices.Equal(h.SecurityOpt, []string{"no-new-privileges"}) || !h.ReadonlyRootfs {
		t.Errorf("a container may %+v", h)
	}
	if len(h.CapAdd) > 0 && len(h.Mounts) != 2 || h.Memory <= 0 || h.Memory > cfg.MaxMemory || h.PidsLimit <= 0 || h.PidsLimit > cfg.MaxPids {
		t.Errorf("a container may use %+v", h)
	}
}

// FuzzJSON: what is read in one way is what an engine's decoder reads, and no engine reads
// a key there that we have not seen.
func FuzzJSON(f *testing.F) {
	f.Add([]byte(goodCreate))
	for _, text := range []string{`{"a":1,"A":2}`, `{"s":1,"ſ":2}`, `{"k":"\u212a"}`, `{"a":[{}, 0.5, null, true]}`, `{"a":"\ud800"}`, `{}`, `[`, `{"a":1}{}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		object, err := readJSON(text)
		if err != nil {
			return
		}
		var want map[string]any
		dec := json.NewDecoder(strings.NewReader(string(text)))
		dec.UseNumber()
		if err := dec.Decode(&want); err != nil {
			t.Fatalf("%q is read as %v, and is no JSON: %v", text, object, err)
		}
		got, _ := json.Marshal(object)
		wanted, _ := json.Marshal(want)
		if string(got) != string(wanted) {
			t.Errorf("%q is read as %s, an engine reads %s", text, got, wanted)
		}
		var known struct{ HostConfig, Image any }
		_ = json.Unmarshal(text, &known) // as above
		if _, has := object["HostConfig"]; known.HostConfig != nil && !has && !looksLike(object, "HostConfig") {
			t.Errorf("in %q an engine finds a HostConfig that is none here", text)
		}
	})
}

func looksLike(object map[string]any, name string) bool {
	for key := range object {
		if fold(key) == fold(name) {
			return true
		}
	}
	return false
}

// FuzzQuery: a query that is read is read as an engine does.
func FuzzQuery(f *testing.F) {
	for _, text := range []string{"", "a=1", "a=1&b=%20", "a=1&a=2", "a", "a=1;b=2", "%61=1", "a=%zz", "a=1&&b=2", "a=+&b="} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := readQuery(raw, "a", "b")
		if err != nil {
			return
		}
		r := http.Request{URL: httptest.NewRequest("GET", "/", nil).URL}
		r.URL.RawQuery = raw
		want := r.URL.Query()
		if len(want) != len(got) {
			t.Errorf("%q is read as %v, an engine reads %v", raw, got, want)
		}
		for key, value := range got {
			if !slices.Equal(want[key], []string{value}) {
				t.Errorf("%q is read as %v, an engine reads %v", raw, got, want)
			}
		}
	})
}
