package accounts_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"wrpdistributor/internal/accounts"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
)

// htpasswd returns a line as Apache's program writes it.
func htpasswd(t *testing.T, name, password string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	must(t, err)
	return name + ":$2y$" + strings.TrimPrefix(string(hash), "$2a$") + "\n"
}

func names(a *accounts.Accounts, t *testing.T) (names []string) {
	t.Helper()
	list, err := a.List(t.Context())
	must(t, err)
	for _, one := range list {
		names = append(names, one.Name)
	}
	return names
}

// TestImportOfPasswords: who is in the file comes in with the password of there; who was
// there already only with replace, and keeps all else.
func TestImportOfPasswords(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		a, ctx := withAnna(t, db), t.Context()
		login(t, a, "anna", "right", nil)
		most := 7
		_, err := a.Set(ctx, "anna", accounts.Change{MaxSessions: &most})
		must(t, err)
		text := "\ufeff# ours\r\n\n" + htpasswd(t, "bert", "bert's") + strings.TrimSpace(htpasswd(t, "anna", "other")) + "\r\n"

		_, err = a.Import(ctx, text, false)
		bad, ok := errors.AsType[accounts.Problems](err)
		if !ok || bad.Error() != "line 4: there is an account anna already; --replace gives it this password" {
			t.Errorf("without replace: %v", err)
		}
		if got := names(a, t); !slices.Equal(got, []string{"anna"}) {
			t.Errorf("there are %v, want anna alone", got)
		}
		done, err := a.Import(ctx, text, true)
		if err != nil || !slices.Equal(done.Added, []string{"bert"}) || !slices.Equal(done.Replaced, []string{"anna"}) {
			t.Errorf("with replace: %+v, %v", done, err)
		}
		login(t, a, "bert", "bert's", nil)
		login(t, a, "anna", "right", accounts.ErrWrong)
		if anna := login(t, a, "anna", "other", nil); anna.MaxSessions != 7 {
			t.Errorf("anna may have %d sessions, want 7 as before", anna.MaxSessions)
		}
	})
}

// TestMistakesInAFile are told all at once, by their lines; no hash is quoted.
func TestMistakesInAFile(t *testing.T) {
	t.Parallel()
	a := open(t, nil) // it is not asked
	good := htpasswd(t, "good", "x")
	for _, tt := range []struct{ text, want string }{
		{"", "there are no lines"},
		{"# nothing\n", "there are no lines"},
		{good + "bert", "line 2: what stands after bert: is no bcrypt hash, want one of: htpasswd -B"},
		{good + "bert:$apr1$secret$hash", "line 2: what stands after bert: is no bcrypt hash"},
		{good + "bert:secret", "line 2: what stands after bert: is no bcrypt hash"},
		{good + "Bert:secret", `line 2: "Bert" is no name`},
		{good + "\n" + good, "line 3: good stands in line 1 already"},
		{strings.Replace(good, "$04$", "$13$", 1), "line 1: the hash of good has cost 13, want 4 to 12"},
		{strings.Replace(good, "$04$", "$03$", 1), "line 1: the hash of good has cost 3"},
		{"a:secret\nb:secret\n" + good, "line 1: what stands after a: is no bcrypt hash, want one of: htpasswd -B\nline 2: what"},
		{strings.Repeat("a:secret\n", 30), "and 10 more"},
	} {
		_, err := a.Import(t.Context(), tt.text, true)
		if bad, ok := errors.AsType[accounts.Problems](err); !ok || !strings.Contains(bad.Error(), tt.want) || strings.Contains(bad.Error(), "secret") {
			t.Errorf("%.40q: %v, want %s", tt.text, err, tt.want)
		}
	}
}

func FuzzImport(f *testing.F) {
	for _, seed := range []string{"", "anna:$2y$05$x", "a:b:c", "#\n\n:", "\ufeffanna:"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		found, bad := accounts.ParseHtpasswd(text)
		for _, name := range found {
			if err := accounts.CheckName(name); err != nil {
				t.Errorf("%q gives %v", text, err)
			}
		}
		if len(found) == 0 && len(bad) == 0 {
			t.Errorf("%q is neither good nor bad", text)
		}
	})
}
