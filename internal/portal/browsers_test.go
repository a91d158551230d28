package portal_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wrpdistributor/internal/portal"
	"wrpdistributor/internal/session"
)

// runs runs a browser in a folder of its own, and returns what it prints.
func runs(t *testing.T, env string, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("%v (Debian: %s)", err, name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = []string{"HOME=" + t.TempDir(), "TERM=vt100", "LANG=C", env}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// dumps says how each browser prints a page without anybody at it.
func dumps() map[string][]string {
	return map[string][]string{"lynx": {"-dump", "-nolist"}, "w3m": {"-dump"}, "links": {"-dump"}, "elinks": {"-dump", "-no-references"}}
}

// TestOldBrowsersComeIn: each of those that run here, with a name and a password in the
// address, where it gets a page of its session.
func TestOldBrowsersComeIn(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{})
	for name, args := range dumps() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b.addAccount(name, 1)
			login := "http://" + name + ":" + password + "@" + b.addr
			if name == "lynx" {
				args, login = append(args, "-auth="+name+":"+password), "http://"+b.addr
			}
			if out := runs(t, "", name, append(args, login+"/?url=http://example.org/"+name)...); !strings.Contains(out, "http://example.org/"+name) {
				t.Errorf("the page of its session: %s", out)
			}
			if out := runs(t, "", name, append(args, login+"/~/")...); !strings.Contains(out, "You are "+name+".") || !strings.Contains(out, "Your session began") {
				t.Errorf("its own page: %s", out)
			}
			if out := runs(t, "", name, append(args, "http://"+b.addr+"/~/help")...); !strings.Contains(out, "Give no password") || strings.ContainsAny(out, "<>&") {
				t.Errorf("help: %s", out)
			}
		})
	}
}

// TestOldBrowsersHaveAProxy: they say at it who they are.
func TestOldBrowsersHaveAProxy(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{Config: portal.Config{Proxy: true}, before: withWRP})
	for name, args := range map[string][]string{
		"lynx": {"-dump", "-nolist", "-pauth=anna:" + password},
		"w3m":  {"-dump", "-header", proxyBasic("anna", password), "-o", "http_proxy=http://" + b.addr + "/"},
	} {
		if out := runs(t, "http_proxy=http://"+b.addr+"/", name, append(args, "http://example.org/a")...); !strings.Contains(out, "asked for http://example.org/a of example.org") {
			t.Errorf("%s: %s", name, out)
		}
	}
}

// TestLynxLogsInByTheForm, as somebody at it does, and its cookie leads to its session.
func TestLynxLogsInByTheForm(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{})
	var keys strings.Builder
	for _, key := range append(strings.Split("anna/lynx", ""), "Down Arrow") {
		keys.WriteString("key " + key + "\n")
	}
	for _, key := range append(strings.Split(password, ""), "Down Arrow", "^J", "q", "y") {
		keys.WriteString("key " + key + "\n")
	}
	script := filepath.Join(t.TempDir(), "keys")
	must(t, os.WriteFile(script, []byte(keys.String()), 0o600))
	out := runs(t, "", "lynx", "-accept_all_cookies", "-cmd_script="+script, "http://"+b.addr+"/~/login")
	s, err := b.Sessions.Own(t.Context(), session.AccountUser("anna", "lynx", 2))
	if err != nil || s.State != session.Running {
		t.Errorf("anna/lynx has no session, %v: %s", err, out)
	}
}
