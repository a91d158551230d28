package hostguard

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const otherDatabase = "ffffffffffffffffffffffffffffffff"

func newTestOwner(t testing.TB, cfg Config) *owner {
	t.Helper()
	o, err := newOwner(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestHostBelongsToWhoComesFirst: the first create decides, of any guard of the host, and
// for those that are started later, too.
func TestHostBelongsToWhoComesFirst(t *testing.T) {
	cfg := testConfig(t)
	first, second := newTestOwner(t, cfg), newTestOwner(t, cfg)
	for _, database := range []string{testDatabase, otherDatabase, examined} {
		if err := first.allows(database); err != nil {
			t.Errorf("nobody has come, and %s is refused: %v", database, err)
		}
	}
	if err := first.allows(""); err == nil {
		t.Error("a container without a label is ours")
	}
	if err := first.claim(examined); err != nil {
		t.Error(err)
	}
	if id, err := first.known(); id != "" || err != nil {
		t.Errorf("the doctor has made the host %q's: %v", id, err)
	}
	if err := first.claim(testDatabase); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]*owner{"the same guard": first, "another": second, "a later one": newTestOwner(t, cfg)} {
		if err := o.claim(otherDatabase); err == nil || !strings.Contains(err.Error(), "DATABASE_ID in") {
			t.Errorf("%s: another database is told %v", name, err)
		}
		if o.allows(otherDatabase) == nil || o.allows(testDatabase) != nil || o.claim(testDatabase) != nil || o.allows(examined) != nil {
			t.Errorf("%s does not know whose the host is", name)
		}
	}
}

// TestOneOfManyIsFirst: of several guards that learn at once all have learned the same.
func TestOneOfManyIsFirst(t *testing.T) {
	cfg := testConfig(t)
	var tasks sync.WaitGroup
	won := make([]bool, 16)
	for i := range won {
		o, id := newTestOwner(t, cfg), strings.Repeat("0123456789abcdef"[i:i+1], 32)
		tasks.Go(func() { won[i] = o.claim(id) == nil })
	}
	tasks.Wait()
	var winners []int
	for i, w := range won {
		if w {
			winners = append(winners, i)
		}
	}
	if len(winners) != 1 {
		t.Errorf("the host belongs to %v, want one", winners)
	}
	left, err := filepath.Glob(filepath.Join(cfg.StateDir, "*"))
	if err != nil || len(left) != 1 {
		t.Errorf("left in the folder: %v, %v", left, err)
	}
}

// TestOwnerIsNotForgotten: what cannot be read or written refuses, with the mend.
func TestOwnerIsNotForgotten(t *testing.T) {
	cfg := testConfig(t)
	o := newTestOwner(t, cfg)
	file := filepath.Join(cfg.StateDir, ownerFile)
	if err := os.WriteFile(file, []byte("rubbish\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := newOwner(&cfg); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("rubbish is told as %v", err)
	}
	if o.allows(testDatabase) == nil || o.claim(testDatabase) == nil {
		t.Error("rubbish makes the host everybody's")
	}
	cfg.StateDir = filepath.Join(cfg.StateDir, "missing")
	if err := newTestOwner(t, cfg).claim(testDatabase); err == nil || !strings.Contains(err.Error(), "make the folder writable") {
		t.Errorf("a missing folder is told as %v", err)
	}
	cfg.DatabaseID = testDatabase
	if err := newTestOwner(t, cfg).claim(testDatabase); err != nil {
		t.Errorf("with DATABASE_ID the folder is not needed: %v", err)
	}
}

// TestWhatWasAnybodysIsNot: what was looked at before somebody came is looked up again then.
func TestWhatWasAnybodysIsNot(t *testing.T) {
	_, engine := startEngine(t)
	cfg := testConfig(t)
	cfg.Docker = engine
	guard := serveGuard(t, cfg)
	other := ask("GET", "/v1.41/containers/"+strings.Repeat("e", 64)+"/json")
	if a := exchange(t, guard, strings.Replace(other, strings.Repeat("e", 64), "wrp_other", 1)); a.status != http.StatusOK {
		t.Fatalf("before anybody has come: %d %s", a.status, a.body)
	}
	if a := exchange(t, guard, post(createTarget, goodCreate)); a.status != http.StatusCreated {
		t.Fatalf("the first create: %d %s", a.status, a.body)
	}
	if a := exchange(t, guard, other); a.status == http.StatusOK {
		t.Errorf("another database's container, after that: %d %s", a.status, a.body)
	}
}
