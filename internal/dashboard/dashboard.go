// Package dashboard draws the page on which operators see how the pool is and was: from a
// [Page], and nothing else. It needs no script, takes nothing from elsewhere, and is read
// in text browsers too.
//
// First comes whether somebody can get a session now, then what is wrong and how it is
// mended, the hosts, how long clients waited and who was refused, and how full it was.
package dashboard

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"slices"
	"time"

	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/journal"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/statistics"
)

// A Page is all that is shown.
type Page struct {
	At      time.Time
	Public  bool // it is for everybody: see [Page.ForAll]
	Version string

	Status  operator.Status
	Hosts   []operator.Host
	Trouble string // instead of these, in a sentence, when little is known; empty: all is

	Starts    journal.Waits
	Refusals  Refusals
	Unwritten string // why these two are not known; empty: they are

	Past    Past
	Missing string // why that is not known; empty: it is
}

// Refusals are clients that got no session.
type Refusals struct {
	Times   int
	Reasons []journal.Refusals // the most frequent first; not on pages for all
}

// Past is how full the pool was.
type Past struct {
	Day, Week, Month []statistics.Point
	statistics.History
}

// ForAll returns the page without what only operators may know: instead of the names of
// hosts there are others; of errors, reasons and commands there is nothing.
func (p Page) ForAll(names Aliases) Page {
	p.Public, p.Version = true, ""
	p.Status.Wrong, p.Status.Processes, p.Status.Outage = slices.Clone(p.Status.Wrong), nil, nil
	for i := range p.Status.Wrong {
		p.Status.Wrong[i] = operator.Wrong{}
	}
	p.Hosts = slices.Clone(p.Hosts)
	for i, h := range p.Hosts {
		hidden := operator.Host{Name: names.of(h.Name), State: h.State, Since: h.Since, Takes: h.Takes, Used: h.Used, Max: h.Max, Warm: h.Warm, TLS: h.TLS}
		if h.Drained != nil {
			hidden.Drained = &operator.Drained{Since: h.Drained.Since}
		}
		p.Hosts[i] = hidden
	}
	p.Refusals.Reasons = nil
	for _, list := range []*[]statistics.Point{&p.Past.Day, &p.Past.Week, &p.Past.Month, &p.Past.Years, &p.Past.Days} {
		*list = withAliases(*list, names)
	}
	return p
}

func withAliases(points []statistics.Point, names Aliases) []statistics.Point {
	points = slices.Clone(points)
	for i, p := range points {
		hidden := make(map[string]int, len(p.PerHost))
		for name, n := range p.PerHost {
			hidden[names.of(name)] += n
		}
		points[i].PerHost = hidden
	}
	return points
}

//go:embed page.html
var pageHTML string

// Render returns the page as HTML.
func Render(p Page) ([]byte, error) {
	page, err := template.New("page").Funcs(template.FuncMap{
		"state": state, "moment": moment, "took": took, "mean": mean, "times": times, "typed": cli.Typed,
	}).Parse(pageHTML)
	if err != nil {
		return nil, fmt.Errorf("draw dashboard: %w", err)
	}
	v := view{Page: p}
	if v.Charts, err = drawAll(p); err != nil {
		return nil, err
	}
	v.Worst = worstFirst(p.Hosts)
	if len(v.Worst) > shownHosts {
		v.Worst, v.Others = v.Worst[:shownHosts], v.Worst[shownHosts:]
	}
	var out bytes.Buffer
	if err := page.Execute(&out, v); err != nil {
		return nil, fmt.Errorf("draw dashboard: %w", err)
	}
	return out.Bytes(), nil
}

const shownHosts = 12 // at once; the others are unfolded

// A view is what the template is given.
type view struct {
	Page
	Worst, Others []operator.Host
	Charts        []figure
}

func (v view) Down() int {
	n := 0
	for _, h := range v.Hosts {
		if !h.Takes {
			n++
		}
	}
	return n
}

// worstFirst sorts hosts: those that are down, those that were drained, the full ones,
// and then by how full they are.
func worstFirst(list []operator.Host) []operator.Host {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b operator.Host) int {
		return cmp.Or(severity(a)-severity(b), failing(b)-failing(a), cmp.Compare(fill(b), fill(a)), cmp.Compare(a.Name, b.Name))
	})
	return list
}

func severity(h operator.Host) int {
	switch {
	case h.State != string(hosts.Up) && h.State != string(hosts.Unknown):
		return 0
	case h.Drained != nil:
		return 1
	case h.State == string(hosts.Unknown):
		return 2
	case h.Used >= h.Max:
		return 3
	}
	return 4
}

// failing is how many starts in a row have failed.
func failing(h operator.Host) int {
	if h.Failing == nil {
		return 0
	}
	return h.Failing.Times
}

func fill(h operator.Host) float64 { return float64(h.Used) / float64(max(h.Max, 1)) }

// state says in a word or two how a host is.
func state(h operator.Host) string {
	switch severity(h) {
	case 0:
		if h.State == string(hosts.NoImage) {
			return "no image"
		}
		return "down"
	case 1:
		return "drained"
	case 2:
		return "not asked yet"
	case 3:
		return "full"
	}
	if h.Failing != nil {
		return "starts fail"
	}
	return "up"
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

func took(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func mean(f float64) string { return fmt.Sprintf("%.1f", f) }

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
