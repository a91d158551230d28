package accounts_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"wrpdistributor/internal/accounts"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
)

// TestWrongChangesChangeNothing: and say what would be right.
func TestWrongChangesChangeNothing(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		a, ctx := withAnna(t, db), t.Context()
		many, none, long := accounts.MostSessions+1, 0, "two\nlines"
		set := func(c accounts.Change) error { _, err := a.Set(ctx, "anna", c); return err }
		add := func(name, password string) error { return a.Add(ctx, accounts.Account{Name: name}, password) }
		for i, tt := range []struct {
			err, want error
			text      string
		}{
			{add("anna", "x"), accounts.ErrExists, "already"},
			{add("Anna", "x"), accounts.ErrName, `"Anna" is no name: want 1 to 32 of a-z`},
			{add("", "x"), accounts.ErrName, "want"},
			{add("-f", "x"), accounts.ErrName, "beginning with a letter or digit"},
			{add("..", "x"), accounts.ErrName, "want"},
			{add(strings.Repeat("a", 33), "x"), accounts.ErrName, "want"},
			{add("bert", ""), accounts.ErrInvalid, "empty"},
			{add("bert", strings.Repeat("x", 73)), accounts.ErrInvalid, "at most 72"},
			{add("bert", "größer"), accounts.ErrInvalid, "ASCII"},
			{add("bert", "pw\x00pw"), accounts.ErrInvalid, "a password with control characters is not possible"},
			{a.SetPassword(ctx, "anna", "right\x00right"), accounts.ErrInvalid, "control characters"},
			{a.SetPassword(ctx, "anna", "tab\t"), accounts.ErrInvalid, "control characters"},
			{a.SetPassword(ctx, "bert", "x"), accounts.ErrUnknown, "no such"},
			{a.SetDisabled(ctx, "bert", true), accounts.ErrUnknown, "no such"},
			{a.Remove(ctx, "bert"), accounts.ErrUnknown, "no such"},
			{set(accounts.Change{MaxSessions: &many}), accounts.ErrInvalid, "1 to 1000"},
			{set(accounts.Change{MaxSessions: &none}), accounts.ErrInvalid, "disable"},
			{set(accounts.Change{Note: &long}), accounts.ErrInvalid, "one line"},
		} {
			if !errors.Is(tt.err, tt.want) || !strings.Contains(tt.err.Error(), tt.text) {
				t.Errorf("%d: %v, want %v with %q", i, tt.err, tt.want, tt.text)
			}
		}
		list, err := a.List(ctx)
		if err != nil || len(list) != 1 || list[0].Name != "anna" || list[0].MaxSessions != accounts.DefaultMaxSessions || list[0].Note != "" || list[0].Disabled {
			t.Errorf("accounts are %+v, %v; want anna as she was", list, err)
		}
		login(t, a, "anna", "right", nil)
	})
}

// TestSetChangesWhatItNames, and nothing else.
func TestSetChangesWhatItNames(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		a := withAnna(t, db)
		most, note := 5, "room 7, Größe 3"
		for i, tt := range []struct {
			change accounts.Change
			most   int
			note   string
		}{{accounts.Change{}, 2, ""}, {accounts.Change{MaxSessions: &most}, 5, ""}, {accounts.Change{Note: &note}, 5, note}, {accounts.Change{Note: &note}, 5, note}} {
			if got, err := a.Set(t.Context(), "anna", tt.change); err != nil || got.MaxSessions != tt.most || got.Note != tt.note {
				t.Errorf("%d: %+v, %v; want %d sessions and %q", i, got, err, tt.most, tt.note)
			}
		}
	})
}

// TestMadePasswords can be read aloud, are not the same twice, and possible.
func TestMadePasswords(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[a-z]{4}(-[a-z]{4}){3}$`)
	one, two := accounts.MakePassword(), accounts.MakePassword()
	if !form.MatchString(one) || one == two {
		t.Errorf("made %s and %s", one, two)
	}
	must(t, accounts.CheckPassword(one))
}

func TestDevicesAreSplitFromNames(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		user, name, device string
		want               error
	}{
		{"anna", "anna", "", nil}, {"anna/second", "anna", "second", nil}, {"a.b_c-1/x", "a.b_c-1", "x", nil},
		{"anna/", "", "", accounts.ErrName}, {"/second", "", "", accounts.ErrName}, {"anna/a/b", "", "", accounts.ErrName}, {"Anna", "", "", accounts.ErrName}, {"", "", "", accounts.ErrName},
	} {
		if name, device, err := accounts.SplitDevice(tt.user); name != tt.name || device != tt.device || !errors.Is(err, tt.want) {
			t.Errorf("%q is %q, %q, %v", tt.user, name, device, err)
		}
	}
}
