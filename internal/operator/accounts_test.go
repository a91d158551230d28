package operator_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"wrpdistributor/internal/accounts"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// An ending stands where sessions are ended.
type ending struct {
	called []string
	n      int
	err    error
}

func (e *ending) end(_ context.Context, name string) (int, error) {
	e.called = append(e.called, name)
	return e.n, e.err
}

// accountsHandler answers for accounts, and returns what it logs.
func accountsHandler(k *servicetest.Kit, end *ending) (http.Handler, *strings.Builder) {
	log := new(strings.Builder)
	return operator.Handler(operator.Config{
		Sessions: k.Sessions, Store: k.Store, Processes: k.DB.Known, DB: k.DB, Accounts: k.Accounts, StopNow: k.Reaper.StopNow,
		EndSessions: end.end, Log: slog.New(slog.NewTextHandler(log, nil)),
	}), log
}

func post(path string, body any) operator.Call {
	return operator.Call{Method: http.MethodPost, Path: path, Body: body}
}

// TestAccountsThroughTheRoutes: a made password opens, one that was sent is not sent back,
// and neither is in the log.
func TestAccountsThroughTheRoutes(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := servicetest.New(t, db, servicetest.Options{})
		end := &ending{n: 2}
		h, log := accountsHandler(k, end)
		opens := func(password string) bool {
			_, err := k.Accounts.Login(t.Context(), netip.MustParseAddr("192.0.2.7"), "anna", password)
			return err == nil
		}
		made := get[operator.MadePassword](t, h, post(operator.AccountsPath, operator.NewAccount{Name: "anna", MaxSessions: 3, Note: "room 7"}))
		if made.Name != "anna" || !opens(made.Password) {
			t.Errorf("add answers %+v, which does not open", made)
		}
		wantProblem(t, h, post(operator.AccountsPath, operator.NewAccount{Name: "anna"}), "account-exists", "accounts password")
		wantProblem(t, h, post(operator.AccountsPath, operator.NewAccount{Name: "..", Password: "x"}), "bad-request", "want 1 to 32 of a-z")
		wantProblem(t, h, post(operator.AccountsPath, map[string]string{"nmae": "bert"}), "bad-request", `{"name":"anna"}`)
		if sent := get[operator.MadePassword](t, h, post(operator.AccountPasswordPath("anna"), operator.NewPassword{Password: "tell-nobody"})); sent.Password != "" || !opens("tell-nobody") || opens(made.Password) {
			t.Errorf("password answers %+v, and the one before opens: %t", sent, opens(made.Password))
		}
		if other := get[operator.MadePassword](t, h, post(operator.AccountPasswordPath("anna"), nil)); !opens(other.Password) {
			t.Errorf("password answers %+v, which does not open", other)
		}
		all := get[operator.AccountList](t, h, operator.Call{Path: operator.AccountsPath})
		if len(all.Accounts) != 1 || all.Accounts[0].MaxSessions != 3 || all.Accounts[0].Note != "room 7" || all.Accounts[0].LastSeen.IsZero() {
			t.Errorf("accounts are %+v", all)
		}
		for _, secret := range []string{made.Password, "tell-nobody"} {
			if strings.Contains(log.String(), secret) || !strings.Contains(log.String(), "account=anna") {
				t.Errorf("the log has %s", log)
			}
		}
		if len(end.called) != 0 {
			t.Errorf("sessions of %v were ended", end.called)
		}
	})
}

// TestWhoIsShutOutHasNoSessions: the account is shut out first; if a session stays that is
// said, and the same again goes on from there.
func TestWhoIsShutOutHasNoSessions(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{})
	end := &ending{n: 2}
	h, _ := accountsHandler(k, end)
	get[any](t, h, post(operator.AccountsPath, operator.NewAccount{Name: "anna"}))
	remove := operator.Call{Method: http.MethodDelete, Path: operator.AccountPath("anna")}
	want := operator.AccountEnded{Name: "anna", Sessions: 2}

	if got := get[operator.AccountEnded](t, h, post(operator.DisableAccountPath("anna"), nil)); got != want {
		t.Errorf("disable answers %+v, want %+v", got, want)
	}
	get[any](t, h, post(operator.EnableAccountPath("anna"), nil))
	end.err = errors.New("host a.example does not answer")
	for _, c := range []operator.Call{post(operator.DisableAccountPath("anna"), nil), remove} {
		wantProblem(t, h, c, "sessions-left", "account anna is disabled, but not all of its sessions have ended (host a.example does not answer)")
		if a, err := k.Accounts.ByName(t.Context(), "anna"); err != nil || !a.Disabled {
			t.Errorf("anna is %+v, %v; want her disabled", a, err)
		}
	}
	end.err = nil
	if got := get[operator.AccountEnded](t, h, remove); got != want {
		t.Errorf("remove answers %+v, want %+v", got, want)
	}
	if _, err := k.Accounts.ByName(t.Context(), "anna"); !errors.Is(err, accounts.ErrUnknown) {
		t.Errorf("anna: %v, want that there is no such account", err)
	}
	before := len(end.called)
	wantProblem(t, h, remove, "no-such-account", "accounts list")
	wantProblem(t, h, post(operator.DisableAccountPath("anna"), nil), "no-such-account", "accounts list")
	if len(end.called) != before || before != 4 {
		t.Errorf("sessions were ended of %v, want four times of anna", end.called)
	}
}

// TestNameGivenAgainHasNoPast: whoever gets the name of an account that was removed is not
// told how the sessions of that one ended. Of others nothing is forgotten, nor of those who
// are shut out for a while.
func TestNameGivenAgainHasNoPast(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := servicetest.New(t, db, servicetest.Options{})
		h, _ := accountsHandler(k, &ending{})
		amiga, mac, bert := session.AccountUser("anna", "amiga", 2), session.AccountUser("anna", "", 2), session.AccountUser("bert", "", 2)
		for _, c := range []session.Client{amiga, mac, bert} {
			_, _, err := k.Sessions.Allocate(t.Context(), c, false)
			if err == nil {
				err = k.Sessions.Stop(t.Context(), c)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		wants := func(when string, of map[session.Client]error) {
			t.Helper()
			for c, want := range of {
				if e, err := k.Sessions.LastEnding(t.Context(), c); !errors.Is(err, want) {
					t.Errorf("%s %v is told %+v, %v; want %v", when, c, e, err, want)
				}
			}
		}
		add := post(operator.AccountsPath, operator.NewAccount{Name: "anna"})
		get[any](t, h, add)
		get[any](t, h, post(operator.DisableAccountPath("anna"), nil))
		get[any](t, h, post(operator.EnableAccountPath("anna"), nil))
		wants("with the account she had", map[session.Client]error{amiga: nil, mac: nil, bert: nil})
		get[any](t, h, operator.Call{Method: http.MethodDelete, Path: operator.AccountPath("anna")})
		get[any](t, h, add)
		wants("with another account", map[session.Client]error{amiga: session.ErrNotFound, mac: session.ErrNotFound, bert: nil})
	})
}

// TestImportThroughTheRoutes: all or nothing, with the lines.
func TestImportThroughTheRoutes(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{})
	h := handler(t, k)
	hash, err := bcrypt.GenerateFromPassword([]byte("x"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	file := func(lines string, replace bool) operator.Call {
		return post(operator.ImportAccountsPath, operator.AccountImport{Htpasswd: strings.ReplaceAll(lines, "HASH", string(hash)), Replace: replace})
	}
	wantProblem(t, h, file("anna:HASH\nbert:plain", false), "bad-import", "nothing was imported:\nline 2: what stands after bert:")
	if done := get[operator.AccountsImported](t, h, file("anna:HASH\nbert:HASH", false)); strings.Join(done.Added, " ") != "anna bert" || done.Replaced == nil {
		t.Errorf("import answers %+v", done)
	}
	wantProblem(t, h, file("anna:HASH\ncarl:HASH", false), "bad-import", "line 1: there is an account anna already; --replace")
	if done := get[operator.AccountsImported](t, h, file("anna:HASH\ncarl:HASH", true)); strings.Join(done.Added, " ") != "carl" || strings.Join(done.Replaced, " ") != "anna" {
		t.Errorf("import with replace answers %+v", done)
	}
}
