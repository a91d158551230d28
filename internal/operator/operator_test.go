package operator_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/journal"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/service/servicetest"
)

// handler answers operators of a service that is not registered.
func handler(t *testing.T, k *servicetest.Kit) http.Handler { return logging(k, t.Output()) }

// logging is handler, which logs to w.
func logging(k *servicetest.Kit, w io.Writer) http.Handler {
	return operator.Handler(operator.Config{
		Sessions: k.Sessions, Store: k.Store, Processes: k.DB.Known, DB: k.DB, Accounts: k.Accounts, StopNow: k.Reaper.StopNow, Journal: k.Journal,
		Process: k.Process, Log: slog.New(slog.NewTextHandler(w, nil)),
	})
}

// run answers at a socket of a process until the returned function is called.
func run(t *testing.T, folder, process string, k *servicetest.Kit) (stop func()) {
	t.Helper()
	return answer(t, folder, process, handler(t, k))
}

// answer is run for any handler.
func answer(t *testing.T, folder, process string, h http.Handler) (stop func()) {
	t.Helper()
	s, err := operator.Listen(folder, process)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- s.Run(ctx, h)
	}()
	return func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func files(t *testing.T, folder string) string {
	t.Helper()
	list, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range list {
		names = append(names, f.Name())
	}
	return strings.Join(names, " ")
}

// TestSocketsAreOfTheLiving: each process has its own, which only its owner may open;
// whoever answers is asked, and what the dead left is swept.
func TestSocketsAreOfTheLiving(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{Hosts: 2, Max: 3})
	folder := filepath.Join(t.TempDir(), "run[1]")
	ask := func(want error) {
		t.Helper()
		var all operator.Hosts
		err := operator.Ask(t.Context(), folder, operator.Call{Path: operator.HostsPath}, &all)
		if !errors.Is(err, want) || want == nil && (len(all.Hosts) != 2 || all.Hosts[1].Name != "host1" || all.Hosts[1].Max != 3) {
			t.Errorf("Ask = %+v, %v; want two hosts, or %v", all, err, want)
		}
	}
	ask(operator.ErrNobody)

	stopB := run(t, folder, "bbbbbbbbbbbb", k)
	info, err := os.Stat(filepath.Join(folder, "control-bbbbbbbb.sock"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v, %v; want one for its owner only", info, err)
	}
	// As a process leaves it that was killed.
	dead := filepath.Join(folder, "control-aaaaaaaa.sock")
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: dead, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ln.SetUnlinkOnClose(false)
	ln.Close()
	if err := os.WriteFile(strings.TrimSuffix(dead, ".sock")+".lock", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// No process leaves that, and none waits for somebody who writes to it.
	if err := syscall.Mkfifo(filepath.Join(folder, "control-dddddddd.lock"), 0o600); err != nil {
		t.Fatal(err)
	}
	ask(nil)

	stopC := run(t, folder, "cccccccccccc", k)
	if got, want := files(t, folder), "control-bbbbbbbb.lock control-bbbbbbbb.sock control-cccccccc.lock control-cccccccc.sock"; got != want {
		t.Errorf("files: %s, want %s", got, want)
	}
	stopB()
	ask(nil)
	stopC()
	ask(operator.ErrNobody)
	if got := files(t, folder); got != "" {
		t.Errorf("files are left: %s", got)
	}
}

// TestLongestFolder: longer ones are refused with the setting.
func TestLongestFolder(t *testing.T) {
	base, err := os.MkdirTemp("", "op")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(base)
	folder := filepath.Join(base, strings.Repeat("x", operator.MaxFolder-len(base)-1))
	s, err := operator.Listen(folder, "0123456789")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := operator.Listen(folder+"x", "0123456789"); err == nil || !strings.Contains(err.Error(), "RUNTIME_DIR") {
		t.Errorf("Listen in a longer one = %v, want the setting", err)
	}
}

// TestServiceWithoutDatabaseSaysSo: it lives, and nobody else is asked in its place.
func TestServiceWithoutDatabaseSaysSo(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{})
	folder := t.TempDir()
	var log strings.Builder // of one request
	defer answer(t, folder, "aaaaaaaaaaaa", logging(k, &log))()
	k.DB.DB.Close()
	err := operator.Ask(t.Context(), folder, operator.Call{Path: operator.HostsPath}, new(operator.Hosts))
	if err == nil || errors.Is(err, operator.ErrNobody) || !strings.Contains(err.Error(), "database") {
		t.Fatalf("Ask = %v, want that the database does not answer", err)
	}
	p, ok := errors.AsType[*operator.Problem](err)
	if !ok || len(p.Request) != 10 || !strings.Contains(err.Error(), "(request "+p.Request+")") {
		t.Fatalf("Ask = %v, want the id of the request", err)
	}
	if !strings.Contains(log.String(), "request="+p.Request) {
		t.Errorf("the log has no request %s: %s", p.Request, log.String())
	}
}

// TestJournalNamesTheRequestOfAnOperator over the control socket, as over HTTP.
func TestJournalNamesTheRequestOfAnOperator(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{})
	folder := t.TempDir()
	defer run(t, folder, "aaaaaaaaaaaa", k)()
	err := operator.Ask(t.Context(), folder, operator.Call{Method: http.MethodPost, Path: operator.PausePath, Body: operator.Because("later")}, new(any))
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Journal.Close(); err != nil {
		t.Fatal(err)
	}
	list, err := journal.Read(t.Context(), k.DB, journal.Query{})
	if err != nil || len(list) != 1 || len(list[0].Request) != 10 {
		t.Errorf("the journal has %+v, %v; want a pause with its request", list, err)
	}
}

// TestWhoGivesUpIsNotAnsweredByOthers: nobody else is asked, nor is it done otherwise.
func TestWhoGivesUpIsNotAnsweredByOthers(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{})
	folder := t.TempDir()
	defer run(t, folder, "aaaaaaaaaaaa", k)()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := operator.Ask(ctx, folder, operator.Call{Path: operator.HostsPath}, new(operator.Hosts)); !errors.Is(err, context.Canceled) || errors.Is(err, operator.ErrNobody) {
		t.Errorf("Ask = %v, want that it was cancelled", err)
	}
}
