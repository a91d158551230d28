package main

import (
	"bytes"
	"context"
	"image/color"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"wrpdistributor/internal/hosts/hoststest"
)

// A guest is somebody with an account, who opens one page of a web server.
type guest struct {
	*stack
	gateway        string
	web            *hoststest.Site
	name, password string
	path           string     // of the page
	color          color.RGBA // of the page
	proxied        bool       // the gateway is the browser's proxy
}

// runs runs a browser in a folder of its own, and returns what it prints.
func (g *guest) runs(name string, args ...string) string {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = []string{"HOME=" + g.t.TempDir(), "TERM=vt100", "LANG=C"}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		g.t.Errorf("%s %q: %v\n%s%s", name, args, err, out, stderr.String())
	}
	return string(out)
}

// at returns what the guest's browser asks for to get at a path: of the gateway, or of the
// web server.
func (g *guest) at(path string) string {
	if g.proxied {
		return g.web.URL + path
	}
	return "http://" + g.gateway + path
}

// lynx opens a path.
func (g *guest) lynx(path string, args ...string) string {
	g.t.Helper()
	return g.runs("lynx", append(args, "-auth="+g.name+":"+g.password, g.at(path))...)
}

// sits opens a path in lynx, as somebody does who sits there and presses these keys.
func (g *guest) sits(path string, keys ...string) (screen string) {
	g.t.Helper()
	dir := g.t.TempDir()
	script, settings := filepath.Join(dir, "keys"), filepath.Join(dir, "lynx.cfg")
	for name, text := range map[string]string{script: "key " + strings.Join(keys, "\nkey ") + "\n", settings: "ALERTSECS:0\nINFOSECS:0\nMESSAGESECS:0\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			g.t.Error(err)
		}
	}
	return g.lynx(path, "-cfg="+settings, "-cmd_script="+script)
}

// curl asks for an address.
func (g *guest) curl(address string, args ...string) string {
	g.t.Helper()
	args = append(args, "-sSL")
	if g.proxied {
		args = append(args, "-x", "http://"+g.gateway, "--proxy-user", g.name+":"+g.password)
	} else {
		args = append(args, "-u", g.name+":"+g.password)
	}
	return g.runs("curl", append(args, address)...)
}

// source returns the text of a page. Who has to wait for a session does.
func (g *guest) source(path string) (text string) {
	g.t.Helper()
	for range 20 { // of PORTAL_WAIT each
		if g.proxied {
			text = g.runs("links", "-source", "-http-proxy", g.name+":"+g.password+"@"+g.gateway, g.at(path))
		} else {
			text = g.lynx(path, "-source")
		}
		if !strings.Contains(text, "<h1>Please wait</h1>") {
			break
		}
	}
	return text
}

// page is where the guest's browser opens the page.
func (g *guest) page() string {
	if g.proxied {
		return g.path
	}
	return "/?url=" + g.web.URL + g.path
}
