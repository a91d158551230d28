package main

import (
	"encoding/json"
	"fmt"
	"html"
	"image/color"
	"image/gif"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
)

const tenox7 = "wrp-test-tenox7"

// TestE2EPortalOfTheWeb: two people with accounts browse the web with the WRP that is a
// proxy too, one by WRP's own page, in lynx, the other with the gateway as a proxy, in curl
// and links. They follow links, see what they opened and nothing of each other, are told
// that a session ended, and start another one by that page's button.
func TestE2EPortalOfTheWeb(t *testing.T) {
	proctest.E2E(t)
	if hoststest.Docker(t, "images", "-q", tenox7) == "" {
		t.Skipf("missing: the image %s (WRP_SOURCE=CLONE scripts/test-images.sh tenox7)", tenox7)
	}
	for _, browser := range []string{"lynx", "links", "curl"} {
		if _, err := exec.LookPath(browser); err != nil {
			hoststest.Missing(t, browser+" (Debian package "+browser+")")
		}
	}
	s := newStack(t, hoststest.StartSSHD(t, hoststest.SSHDOptions{KeyOptions: lockedToSocket}))
	for name, value := range map[string]string{"WRP_IMAGE": tenox7, "WRP_ARGS": "none", "PORTAL": "accounts", "PORTAL_PROXY": "on", "READY_TIMEOUT": "45s"} {
		s.set(name, value)
	}
	address := s.withGateway()
	s.start()
	web := hoststest.StartSite(t)
	anna := &guest{stack: s, gateway: address, web: web, name: "anna", color: color.RGBA{R: 0xff, A: 0xff}, path: "/red/"}
	bert := &guest{stack: s, gateway: address, web: web, name: "bert", color: color.RGBA{B: 0xff, A: 0xff}, path: "/blue/", proxied: true}
	guests := []*guest{anna, bert}
	for _, g := range guests {
		g.password = s.addAccount(g.name)
	}
	together(guests, (*guest).clicks)
	anna.typesAddress()
	anna.fillsInForm()
	together(guests, (*guest).looks)
	anna.seesNot(bert)
	bert.seesNot(anna)
	anna.idlesOut()
	bert.idlesOut()
	anna.pressesButton()
	bert.sendsForm()
	together(guests, (*guest).looks)
	bert.isDisabled()
	anna.looks()
	for _, secret := range []string{"Basic", anna.password, bert.password, "wrp_"} {
		if web.Got(secret) {
			t.Errorf("the web server was told %q", secret)
		}
	}
	if out := s.proc.Output(); strings.Contains(out, anna.password) || strings.Contains(out, bert.password) {
		t.Errorf("the log tells a password:\n%s", out)
	}
}

// together has all do the same at once.
func together(guests []*guest, do func(*guest)) {
	var tasks sync.WaitGroup
	for _, g := range guests {
		tasks.Go(func() { do(g) })
	}
	tasks.Wait()
}

// addAccount makes an account, and returns its password.
func (s *stack) addAccount(name string) string {
	s.t.Helper()
	var made struct{ Password string }
	if err := json.Unmarshal([]byte(s.run(0, "distributor", "accounts", "add", name, "--json")), &made); err != nil {
		s.t.Error(err)
	}
	return made.Password
}

// shows reports whether WRP shows a page of the web server.
func (g *guest) shows(text, path string) bool {
	return strings.Contains(text, g.web.URL+path+"</TITLE>")
}

var drawn = regexp.MustCompile(`<A HREF="(/map/[^"]+)">\s*<IMG SRC="(/img/[^"]+)"`)

// looks opens the page, sees that it is drawn as it should be, and returns where its map
// and its picture are.
func (g *guest) looks() { g.opens() }

func (g *guest) opens() (area, picture string) {
	g.t.Helper()
	text := g.source(g.page())
	m := drawn.FindStringSubmatch(text)
	if m == nil || !g.shows(text, g.path) {
		g.t.Errorf("%s sees %q", g.name, text)
		return "", ""
	}
	data := g.curl(g.at(m[2]))
	img, err := gif.Decode(strings.NewReader(data))
	if err != nil {
		g.t.Errorf("the picture for %s: %v: %.200q", g.name, err, data)
	} else if c := color.RGBAModel.Convert(img.At(300, 300)); c != g.color {
		g.t.Errorf("the picture for %s is %v, want %v", g.name, c, g.color)
	}
	return m[1], m[2]
}

// clicks follows the page's link by its map. WRP says where it leads once its browser is
// there, which may be after this answer.
func (g *guest) clicks() {
	g.t.Helper()
	var text string
	for range 5 {
		area, _ := g.opens()
		if text = g.source(area + "?100,100"); area == "" || g.shows(text, g.path+"second") {
			break
		}
	}
	if !g.shows(text, g.path+"second") || !g.web.Was(g.path+"second") {
		g.t.Errorf("the link leads %s to %q", g.name, text)
	}
}

// typesAddress opens a page by its address in the path.
func (g *guest) typesAddress() {
	g.t.Helper()
	if screen := g.sits("/"+g.web.URL+"/typed", "q", "y"); !g.web.Was("/typed") || !strings.Contains(screen, "WRP "+g.web.URL+"/typed") {
		g.t.Errorf("an address in the path shows %q", screen)
	}
}

// fillsInForm opens a page by the form on WRP's own.
func (g *guest) fillsInForm() {
	g.t.Helper()
	keys := append(strings.Split(g.web.URL+"/filled/in", ""), "Down Arrow", "^J", "q", "y")
	if screen := g.sits("/", keys...); !g.web.Was("/filled/in") || !strings.Contains(screen, "WRP "+g.web.URL+"/filled/in") {
		g.t.Errorf("WRP's form shows %q", screen)
	}
}

// seesNot asks for another one's picture.
func (g *guest) seesNot(other *guest) {
	g.t.Helper()
	_, picture := other.opens()
	if data := g.curl(g.at(picture)); strings.HasPrefix(data, "GIF8") {
		g.t.Errorf("%s gets the picture %s that %s looks at", g.name, picture, other.name)
	}
}

// idlesOut has the session end, and sees the page that says why.
func (g *guest) idlesOut() {
	g.t.Helper()
	gone := g.container()
	g.eventually("the session of "+g.name+" idles out", func() bool {
		g.sql("UPDATE sessions SET started = UTC_TIMESTAMP() - INTERVAL 20 MINUTE, lastUsed = UTC_TIMESTAMP() - INTERVAL 11 MINUTE WHERE account = '" + g.name + "'")
		g.run(0, "cleanup", "--timeout", "10")
		return g.count("SELECT COUNT(*) FROM sessions WHERE account = '"+g.name+"'") == 0
	})
	g.isGone(gone)
	for _, path := range []string{g.page(), "/"} {
		if text := g.source(path); !strings.Contains(text, "<h1>Your session has ended</h1>") || !strings.Contains(text, "It ended less than a minute ago: it was not used") {
			g.t.Errorf("after that, %s at %s sees %q", g.name, path, text)
		}
	}
}

// pressesButton starts another session by the button of the page that says why it ended.
func (g *guest) pressesButton() {
	g.t.Helper()
	screen := g.sits("/", "^J", "q", "y")
	if text := g.source("/"); !strings.Contains(text, "<FORM") {
		g.t.Errorf("after the button, %s sees %q; it was pressed at %q", g.name, text, screen)
	}
}

var ended = regexp.MustCompile(`action="([^"]+)".*name="nonce" value="([^"]+)".*name="to" value="([^"]+)"`)

// sendsForm does the same by what is in the page's form, and is led back to the page.
func (g *guest) sendsForm() {
	g.t.Helper()
	text := g.curl(g.at(g.page()))
	m := ended.FindStringSubmatch(text)
	if m == nil {
		g.t.Errorf("no form for %s in %q", g.name, text)
		return
	}
	text = g.curl(html.UnescapeString(m[1]), "--data-urlencode", "nonce="+html.UnescapeString(m[2]), "--data-urlencode", "to="+html.UnescapeString(m[3]))
	if !g.shows(text, g.path) && !strings.Contains(text, "<h1>Please wait</h1>") {
		g.t.Errorf("after the form, %s sees %q", g.name, text)
	}
}

// isDisabled loses the account, with its session, and is not let in again.
func (g *guest) isDisabled() {
	g.t.Helper()
	gone := g.container()
	if out := g.run(0, "distributor", "accounts", "disable", g.name); !strings.Contains(out, "ended: 1") {
		g.t.Errorf("disabling says %q", out)
	}
	g.isGone(gone)
	if code := g.curl(g.at(g.page()), "-o", os.DevNull, "-w", "%{http_code}"); code != "407" {
		g.t.Errorf("after that, %s gets %s", g.name, code)
	}
}

// container returns the id of the guest's container.
func (g *guest) container() string {
	g.t.Helper()
	return g.text(fmt.Sprintf("SELECT wrpContainerId FROM sessions WHERE account = '%s' AND state = 'running'", g.name))
}

func (g *guest) isGone(container string) {
	g.t.Helper()
	if out := hoststest.Docker(g.t, "ps", "-aq", "--filter", "id="+container); out != "" {
		g.t.Errorf("the container of %s is still there: %s", g.name, out)
	}
}
