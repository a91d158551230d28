package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"wrpdistributor/internal/database"
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
	defer stop()
	out := &trigger{after: 2, do: func() { _ = syscall.Kill(os.Getpid(), syscall.SIGUSR1) }}
	if err := run(ctx, []string{"--every", "1s", "--verbose"}, out, t.Output()); err != nil {
		t.Error(err)
	}
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
