package dashboard

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"

	"github.com/go-analyze/charts"
)

// nothingKnown is what a chart says that has no point.
const nothingKnown = "nothing is known yet"

const (
	chartWidth  = 640
	chartHeight = 220
)

// A chart is lines over time.
type chart struct {
	labels []string // of all steps
	series []series
}

// A series is one line. Where nothing is known it has no value, and the line a gap.
type series struct {
	name   string
	values []float64
}

// unknown is the value of a step of which nothing is known.
func unknown() float64 { return charts.GetNullValue() }

// isEmpty reports whether nothing at all is known.
func (c chart) isEmpty() bool {
	for _, s := range c.series {
		for _, v := range s.values {
			if v != unknown() {
				return false
			}
		}
	}
	return true
}

// The library writes colours as numbers. These stand for names of the style, which
// differ in the light and in the dark.
const (
	axisMark = iota + 1
	gridMark
	textMark
	firstSeriesMark
)

const seriesColors = 8

func mark(n uint8) charts.Color { return charts.Color{R: n, G: n, B: n, A: 255} }

// style has the colours: those of lines are told apart by people who see few, and on both
// backgrounds.
const style = `<style>
svg{--c1:#888;--c2:#ddd;--c3:#444;--c4:#0b62a8;--c5:#b35900;--c6:#2e7d32;--c7:#9c27b0;--c8:#c62828;--c9:#00838f;--c10:#6d4c41;--c11:#757575}
@media(prefers-color-scheme:dark){svg{--c1:#888;--c2:#3a3f45;--c3:#ccc;--c4:#6cb6ff;--c5:#ffa657;--c6:#7ee787;--c7:#d2a8ff;--c8:#ff7b72;--c9:#56d4dd;--c10:#d7ba9b;--c11:#9e9e9e}}
text{font-family:sans-serif}
</style>`

// svg draws the chart. One of which nothing is known says so.
func (c chart) svg() ([]byte, error) {
	var names []string
	var values [][]float64
	for _, s := range c.series {
		names, values = append(names, s.name), append(values, s.values)
	}
	opt := charts.NewLineChartOptionWithData(values)
	if c.isEmpty() {
		names, opt = nil, charts.NewLineChartOptionWithData(nil)
		opt.Title.Text = nothingKnown
		opt.Title.Offset = charts.OffsetCenter
	}
	opt.Theme = theme()
	opt.XAxis.Labels = c.labels
	opt.XAxis.LabelCount = 5
	opt.YAxis = []charts.YAxisOption{{Min: charts.Ptr(0.0), PreferNiceIntervals: charts.Ptr(true)}}
	opt.Legend.SeriesNames = names
	opt.Symbol = charts.Symbol{Shape: charts.SymbolNone}
	opt.LineStrokeWidth = 2
	opt.ValueFormatter = func(f float64) string { return strconv.FormatFloat(math.Round(f*100)/100, 'f', -1, 64) }
	p := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: chartWidth, Height: chartHeight})
	if err := p.LineChart(opt); err != nil {
		return nil, fmt.Errorf("draw chart: %w", err)
	}
	drawn, err := p.Bytes()
	if err != nil {
		return nil, fmt.Errorf("draw chart: %w", err)
	}
	for n := uint8(axisMark); n < firstSeriesMark+seriesColors; n++ {
		drawn = bytes.ReplaceAll(drawn, []byte(mark(n).String()), fmt.Appendf(nil, "var(--c%d)", n))
	}
	return bytes.Replace(drawn, []byte(">"), []byte(">"+style), 1), nil
}

func theme() charts.ColorPalette {
	opt := charts.ThemeOption{AxisStrokeColor: mark(axisMark), AxisSplitLineColor: mark(gridMark), TextColor: mark(textMark)}
	for n := range uint8(seriesColors) {
		opt.SeriesColors = append(opt.SeriesColors, mark(firstSeriesMark+n))
	}
	return charts.MakeTheme(opt)
}

// image is the chart within the page. It is an image, because those who see none would
// find its labels strewn over the page; what it says stands below it in words.
func (c chart) image(alt string) (template.HTML, error) {
	drawn, err := c.svg()
	if err != nil {
		return "", err
	}
	var out strings.Builder
	fmt.Fprintf(&out, `<img width="%d" height="%d" alt="%s" src="data:image/svg+xml;base64,%s">`,
		chartWidth, chartHeight, alt, base64.StdEncoding.EncodeToString(drawn))
	return template.HTML(out.String()), nil
}
