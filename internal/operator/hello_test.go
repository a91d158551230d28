package operator_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/service/servicetest"
)

// TestWhoHangsIsNamedAndLeftAlone: a process that takes connections and says nothing is told
// of with its number; the next one is asked, and a reload says which was not told.
func TestWhoHangsIsNamedAndLeftAlone(t *testing.T) {
	t.Parallel()
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{})
	folder := t.TempDir()
	hanging, err := operator.Listen(folder, "aaaaaaaaaaaa") // the kernel takes connections for it
	if err != nil {
		t.Fatal(err)
	}
	defer hanging.Close()
	var told []error
	ask := func(want error) {
		t.Helper()
		told = nil
		c := operator.Call{Path: operator.HostsPath, Hangs: func(err error) { told = append(told, err) }}
		err := operator.Ask(t.Context(), folder, c, new(operator.Hosts))
		if !errors.Is(err, want) || len(told) != 1 {
			t.Fatalf("Ask = %v, and was told %v; want %v, and of one process", err, told, want)
		}
	}
	ask(operator.ErrNobody)
	h, ok := errors.AsType[*operator.HangError](told[0])
	if !ok || h.Number != os.Getpid() || h.ID != "aaaaaaaa" || !strings.Contains(h.Error(), "control-aaaaaaaa.sock") {
		t.Errorf("told %+v (%v); want this process, and its socket", h, told[0])
	}
	defer run(t, folder, "bbbbbbbbbbbb", k)()
	ask(nil)
	answers, err := operator.Reload(t.Context(), folder)
	if err != nil || len(answers) != 1 || !errors.As(answers[0].Err, &h) {
		t.Errorf("Reload = %+v, %v; want the process that hangs", answers, err)
	}
}
