package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/proctest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"cleanup": main,
		"mkdb":    makeDatabase,
	})
}

// makeDatabase makes the database that the distributor would have made.
func makeDatabase() {
	db, err := database.OpenAndMigrate(context.Background(), database.Config{Path: os.Args[1], Create: true})
	if err != nil {
		panic(err)
	}
	db.Close()
}

func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script"})
}

func TestEveryCleansUntilSignal(t *testing.T) {
	ctx := newFolder(t)
	out := &trigger{after: 2, do: endBySignal}
	if err := run(ctx, []string{"--every", "1s", "--verbose"}, out, t.Output()); err != nil {
		t.Error(err)
	}
}

// TestMetricsOfEvery: monitoring sees the passes that were made, and nothing that
// distributors tell of the pool.
func TestMetricsOfEvery(t *testing.T) {
	ctx := newFolder(t)
	listen := proctest.FreeAddr(t)
	out := &trigger{after: 1, do: func() {
		defer endBySignal()
		resp, err := http.Get("http://" + listen + "/metrics")
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		scraped, err := io.ReadAll(resp.Body)
		for _, want := range []string{`wrpdistributor_cleanup_passes_total{result="done"} 1`, "wrpdistributor_cleanup_interval_seconds 3600",
			"wrpdistributor_cleanup_failures_total 0", `wrpdistributor_sessions_ended_total{reason="not used"} 0`, "wrpdistributor_build_info{", "process_open_fds "} {
			if !strings.Contains(string(scraped), want) {
				t.Errorf("%q is not in %s (%v)", want, scraped, err)
			}
		}
		if strings.Contains(string(scraped), "wrpdistributor_host_up") {
			t.Error("it tells how the hosts are")
		}
	}}
	if err := run(ctx, []string{"--every", "1h", "--verbose", "--no-orphans", "--metrics-listen", listen}, out, t.Output()); err != nil {
		t.Error(err)
	}
}

func endBySignal() { _ = syscall.Kill(os.Getpid(), syscall.SIGUSR1) }

// newFolder goes to a folder with a database, and returns a context that ends by a signal.
func newFolder(t *testing.T) context.Context {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("AUTH_TOKEN", "x")
	t.Setenv("DATA_DIR", dir)
	t.Setenv("CONTAINER_HOSTS", "local")
	db, err := database.OpenAndMigrate(t.Context(), database.Config{Path: dir + "/distributor.db", Create: true})
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	ctx, stop := signal.NotifyContext(t.Context(), syscall.SIGUSR1)
	t.Cleanup(stop)
	return ctx
}

// A trigger does something after a number of writes.
type trigger struct {
	after int
	do    func()
}

// Write implements [io.Writer].
func (w *trigger) Write(b []byte) (int, error) {
	if w.after--; w.after == 0 {
		w.do()
	}
	return len(b), nil
}
