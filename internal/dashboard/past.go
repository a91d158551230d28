package dashboard

import (
	"cmp"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"time"

	"wrpdistributor/internal/statistics"
)

// A figure is a chart with its heading.
type figure struct {
	Heading string
	Text    string // what is seen there, in words; empty: nothing is known, as the chart says
	Image   template.HTML
	First   bool // it belongs to what is seen at once
}

// drawAll draws how full the pool was.
func drawAll(p Page) ([]figure, error) {
	day, week, month, years := statistics.Day(), statistics.Week(), statistics.Month(), statistics.TwoYears()
	wanted := []struct {
		heading string
		points  []statistics.Point
		span    statistics.Span
		layout  string
		lines   func([]statistics.Point) []line
		words   func([]statistics.Point) string
		first   bool
	}{
		{"Sessions, 24 hours", p.Past.Day, day, "15:04", sessions, wordsOfSessions, true},
		{"Sessions, 30 days", p.Past.Month, month, "01-02", sessions, wordsOfSessions, true},
		{"Sessions, 7 days", p.Past.Week, week, "01-02", sessions, wordsOfSessions, false},
		{"Sessions, 2 years", p.Past.Years, years, "2006-01", sessions, wordsOfSessions, false},
		{"Sessions per host, 24 hours", p.Past.Day, day, "15:04", perHost, wordsOfHosts, false},
		{"Sessions per host, 30 days", p.Past.Month, month, "01-02", perHost, wordsOfHosts, false},
		{"Unique clients, 24 hours", p.Past.Day, day, "15:04", clients, wordsOfClients, false},
		{"Unique clients, 30 days", p.Past.Month, month, "01-02", clients, wordsOfClients, false},
	}
	figures := make([]figure, len(wanted))
	for i, w := range wanted {
		c := draw(p.At, w.points, w.span, w.layout, w.lines(w.points))
		f := figure{Heading: w.heading, Text: w.words(w.points), First: w.first}
		var err error
		if f.Image, err = c.image(altText(f.Text)); err != nil {
			return nil, err
		}
		figures[i] = f
	}
	return figures, nil
}

// A line is what is drawn of each point.
type line struct {
	name  string
	value func(statistics.Point) float64
}

func sessions([]statistics.Point) []line {
	return []line{
		{"sessions", func(p statistics.Point) float64 { return p.Sessions }},
		{"most", func(p statistics.Point) float64 { return float64(p.MostSessions) }},
		{"still to be had", func(p statistics.Point) float64 { return p.Remaining }},
	}
}

func clients([]statistics.Point) []line {
	return []line{
		{"clients", func(p statistics.Point) float64 { return p.Clients }},
		{"most", func(p statistics.Point) float64 { return float64(p.MostClients) }},
	}
}

// perHost has a line of each host; of many, of the busiest, and one of what the others
// have on average: their sum would leave the lines of single hosts flat.
func perHost(points []statistics.Point) (lines []line) {
	total := make(map[string]int)
	for _, p := range points {
		for host, n := range p.PerHost {
			total[host] += n
		}
	}
	names := slices.SortedFunc(maps.Keys(total), func(a, b string) int {
		return cmp.Or(total[b]-total[a], cmp.Compare(a, b))
	})
	shown := names
	if len(names) > seriesColors {
		shown = names[:seriesColors-1]
	}
	for _, name := range shown {
		lines = append(lines, line{name, func(p statistics.Point) float64 { return float64(p.PerHost[name]) }})
	}
	if others := names[len(shown):]; len(others) > 0 {
		lines = append(lines, line{fmt.Sprintf("%d others, each", len(others)), func(p statistics.Point) float64 {
			n := 0
			for _, name := range others {
				n += p.PerHost[name]
			}
			return float64(n) / float64(len(others))
		}})
	}
	return lines
}

// draw makes a chart of all steps of a span that ends at a time, known or not.
func draw(end time.Time, points []statistics.Point, of statistics.Span, layout string, lines []line) chart {
	byStep := make(map[int64]statistics.Point, len(points))
	step := int64(of.Step / time.Second)
	for _, p := range points {
		byStep[p.At.Unix()/step] = p
	}
	last := end.Unix() / step
	c := chart{series: make([]series, len(lines))}
	for i, l := range lines {
		c.series[i].name = l.name
	}
	for n := last - int64(of.Length/of.Step); n <= last; n++ {
		c.labels = append(c.labels, time.Unix(n*step, 0).UTC().Format(layout))
		p, known := byStep[n]
		for i, l := range lines {
			v := unknown()
			if known {
				v = l.value(p)
			}
			c.series[i].values = append(c.series[i].values, v)
		}
	}
	return c
}
