package proctest

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestUseHostsWritesWhatTheEnvironmentNames(t *testing.T) {
	c := &Commands{Dir: t.TempDir(), t: t}
	c.UseHosts(
		Host{Name: "a:22", User: "u", Key: []byte("one"), KnownHosts: "a key\n"},
		Host{Name: "b:22", User: "v", Key: []byte("two"), Passphrase: "open", KnownHosts: "b key"},
	)
	if want := []string{"CONTAINER_HOSTS=a:22,b:22", "CONTAINER_HOSTS_KEYS=u~key0,v~key1~open"}; !slices.Equal(c.Env, want) {
		t.Errorf("environment = %q, want %q", c.Env, want)
	}
	for name, want := range map[string]string{"key0": "one", "key1": "two", "known_hosts": "a key\nb key\n"} {
		got, err := os.ReadFile(filepath.Join(c.Dir, "ssh", name))
		if err != nil || string(got) != want {
			t.Errorf("%s = %q, %v, want %q", name, got, err, want)
		}
	}
}

func TestDoSendsWhatAClientSends(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Seen", r.RequestURI+" "+r.Header.Get("Bearer")+" "+r.UserAgent())
		w.WriteHeader(http.StatusFound)
		_, _ = w.Write([]byte("<xml><wrpUrl>h:1</wrpUrl><token>t</token></xml>"))
	}))
	defer srv.Close()
	a, err := Do(t.Context(), Request{Method: "GET", URL: srv.URL, Path: "/x/../%73/", Token: "secret", Agent: "old"})
	if err != nil || a.Code != http.StatusFound || a.Header.Get("Seen") != "/x/../%73/ secret old" {
		t.Errorf("answer = %+v, %v, want the path as it is, token and agent", a, err)
	}
	if s, err := a.Session(); err != nil || s != (Session{"h:1", "t"}) {
		t.Errorf("session = %+v, %v", s, err)
	}
}
