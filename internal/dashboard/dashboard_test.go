package dashboard_test

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wrpdistributor/internal/dashboard"
	"wrpdistributor/internal/operator"
)

var update = flag.Bool("update", false, "write testdata anew")

func render(t *testing.T, p dashboard.Page) string {
	t.Helper()
	page, err := dashboard.Render(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// charts takes the charts out of a page.
func charts(t *testing.T, page string) (rest string, images []string) {
	t.Helper()
	image := regexp.MustCompile(`data:image/svg\+xml;base64,[^"]*`)
	rest = image.ReplaceAllStringFunc(page, func(found string) string {
		_, text, _ := strings.Cut(found, ",")
		drawn, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Error(err)
		}
		images = append(images, string(drawn))
		return "data:..."
	})
	return rest, images
}

// TestPages draws every state from canned data. The pages in testdata/*.html have been
// looked at; -update writes them.
func TestPages(t *testing.T) {
	for name, p := range canned() {
		t.Run(name, func(t *testing.T) {
			full := render(t, p)
			got, images := charts(t, full)
			if dir := os.Getenv("DASHBOARD_PAGES"); dir != "" { // to look at
				if err := os.WriteFile(filepath.Join(dir, name+".html"), []byte(full), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			file := filepath.Join("testdata", name+".html")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("page (-testdata +got):\n%s", diff)
			}
			if wanted := 8; p.Missing == "" && len(images) != wanted {
				t.Errorf("%d charts, want %d", len(images), wanted)
			}
			for _, drawn := range images {
				checkChart(t, drawn, p.Past.Total.Samples > 0)
			}
			checkAlone(t, got)
		})
	}
}

// TestPictureInReadme: it is a chart as the dashboard draws it. -update writes it.
func TestPictureInReadme(t *testing.T) {
	const file = "../../docs/dashboard.svg"
	_, images := charts(t, render(t, oneHost()))
	if *update {
		if err := os.WriteFile(file, []byte(images[0]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if images[0] != string(want) {
		t.Errorf("%s is not what the dashboard draws of the same: go test ./internal/dashboard -update", file)
	}
}

// checkChart looks whether a chart is XML, has only colours of the style, and says so if
// there is nothing in it.
func checkChart(t *testing.T, drawn string, known bool) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(drawn))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in %s", err, drawn)
		}
	}
	if strings.Contains(drawn, "nothing is known yet") == known {
		t.Errorf("known is %t, and the chart says %s", known, drawn)
	}
	if left := regexp.MustCompile(`rgba?\([^)]*\)`).FindString(drawn); left != "" {
		t.Errorf("%s is the same in the light and in the dark", left)
	}
}

// TestAnEmptyChartSaysSoOnce, to those who see it and to those who do not.
func TestAnEmptyChartSaysSoOnce(t *testing.T) {
	page, images := charts(t, render(t, empty()))
	if n := strings.Count(page, `alt="nothing is known yet"`); n != len(images) || strings.Contains(page, "<figcaption>") {
		t.Errorf("of %d charts %d say to those who do not see them that they are empty, once:\n%s", len(images), n, page)
	}
}

// checkAlone looks whether a page needs anything else.
func checkAlone(t *testing.T, page string) {
	t.Helper()
	for _, part := range []string{"<script", "://", "url(", "@import", "<link", "<iframe", "onload"} {
		if strings.Contains(page, part) {
			t.Errorf("the page has %q", part)
		}
	}
	if strings.Contains(page, "<b>really") || strings.Contains(page, "<amifox>") {
		t.Error("a text was taken for HTML")
	}
}

// TestOrder of what operators look for first.
func TestOrder(t *testing.T) {
	page := render(t, broken())
	last := -1
	for _, part := range []string{
		"<h1>Nobody gets a new session", "<h2>What is wrong", "distributor resume", "<h2>Hosts", ">down.example<", ">noimage.example<", ">drained.example<",
		">new.example<", ">full.example<", ">good.example<", "<h2>Time to ready", "<h2>Refused", "<h2>Sessions", "Sessions, 24 hours", "Sessions, 30 days", "Averages by day",
	} {
		at := strings.Index(page, part)
		if at < last {
			t.Errorf("%q is at %d, want it after %d", part, at, last)
		}
		last = at
	}
}

// TestPageForAllHidesNames, reasons and commands, in the charts too.
func TestPageForAllHidesNames(t *testing.T) {
	page, images := charts(t, render(t, broken().ForAll(dashboard.NewAliases("canned"))))
	for _, text := range append(images, page) {
		for _, hidden := range []string{".example", "10.1.2.3", "no route", "new disk", "amifox", "distributor ", "ssh ", "v1.2.3"} {
			if strings.Contains(text, hidden) {
				t.Errorf("%q is seen by all in %.200q", hidden, text)
			}
		}
	}
	for _, shown := range []string{"Nobody gets a new session", "Back at noon", "3 things are not as they should be", "<p>130 times a client got no session"} {
		if !strings.Contains(page, shown) {
			t.Errorf("%q is not seen", shown)
		}
	}
	if own := render(t, broken()); !strings.Contains(own, "down.example") {
		t.Error("ForAll has changed the page that it was called on")
	}
}

// TestNamesOfHostsCannotBeGuessed: a hash of the name alone could be looked up by whoever
// hashes likely names, and so could that of another installation.
func TestNamesOfHostsCannotBeGuessed(t *testing.T) {
	name := func(databaseID string) string {
		p := dashboard.Page{Hosts: []operator.Host{{Name: "a.example"}}}.ForAll(dashboard.NewAliases(databaseID))
		return p.Hosts[0].Name
	}
	once, again, elsewhere := name("one"), name("one"), name("two")
	if once != again || once == elsewhere {
		t.Errorf("called %q, %q; with another database %q", once, again, elsewhere)
	}
	unsalted := md5.Sum([]byte("a.example"))
	if once == hex.EncodeToString(unsalted[:4]) || name("") == hex.EncodeToString(unsalted[:4]) {
		t.Error("the name is that of the status page, which everybody can compute")
	}
}
