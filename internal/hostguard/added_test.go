package hostguard

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"
)

// TestAddedTime prints what a guard adds to a request, beside an engine that answers at
// once: the median of many. On a machine that has much else to do it says little.
func TestAddedTime(t *testing.T) {
	s, engine := newPretendSite(t)
	for _, target := range []string{"/_ping", "/v1.41/containers/" + s.ours + "/json", "/v1.41/containers/json"} {
		direct, guarded := median(t, s.engine, target), median(t, s.guard, target)
		t.Logf("%-30.30s direct %v, through the guard %v, added %v", target, direct, guarded, guarded-direct)
	}
	if len(engine.take()) == 0 {
		t.Error("the engine was not asked")
	}
}

const rounds = 200

// median asks over one kept connection.
func median(t *testing.T, socket, target string) time.Duration {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}}
	defer client.CloseIdleConnections()
	took := make([]time.Duration, rounds)
	for i := range took {
		begun := time.Now()
		resp, err := client.Get("http://d" + target)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body) // of an engine that answers whole
		resp.Body.Close()
		took[i] = time.Since(begun)
	}
	slices.Sort(took)
	return took[rounds/2].Round(time.Microsecond)
}
