// Package metricstest reads what parts of the service tell monitoring, for tests.
package metricstest

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
)

// Series is the value of each series by its name with its labels, as Prometheus writes
// it. Of a histogram it is the count.
type Series map[string]float64

// Read collects, and checks that names and units are as they should be.
func Read(t testing.TB, parts ...[]prometheus.Collector) Series {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	for _, list := range parts {
		registry.MustRegister(list...)
	}
	problems, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Error(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Error(err)
	}
	series := make(Series)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			series[f.GetName()+labels(m.GetLabel())] = value(m)
		}
	}
	return series
}

func labels(list []*dto.LabelPair) string {
	if len(list) == 0 {
		return ""
	}
	parts := make([]string, len(list))
	for i, l := range list {
		parts[i] = fmt.Sprintf("%s=%q", l.GetName(), l.GetValue())
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func value(m *dto.Metric) float64 {
	if h := m.GetHistogram(); h != nil {
		return float64(h.GetSampleCount())
	}
	return cmp.Or(m.GetCounter().GetValue(), m.GetGauge().GetValue())
}

// Want checks series, named without the prefix that all of ours have.
func (s Series) Want(t testing.TB, what string, want Series) {
	t.Helper()
	for name, v := range want {
		got, ok := s["wrpdistributor_"+name]
		if !ok {
			t.Errorf("%s: there is no %s", what, name)
		} else if got != v {
			t.Errorf("%s: %s is %v, want %v", what, name, got, v)
		}
	}
}
