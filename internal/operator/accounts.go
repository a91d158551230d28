package operator

import (
	"context"
	"net/http"
	"time"

	"wrpdistributor/internal/accounts"
)

// Where the accounts are, and where a file of them is imported.
const (
	AccountsPath       = "/v1/admin/accounts"
	ImportAccountsPath = AccountsPath + "/import"
)

const maxImport = 4 << 20 // bytes of a body

// AccountPath is where one account is.
func AccountPath(name string) string { return AccountsPath + "/" + escapeHost(name) }

// AccountPasswordPath is where an account gets another password.
func AccountPasswordPath(name string) string { return AccountPath(name) + "/password" }

// DisableAccountPath is where an account is shut out.
func DisableAccountPath(name string) string { return AccountPath(name) + "/disable" }

// EnableAccountPath is the opposite of [DisableAccountPath].
func EnableAccountPath(name string) string { return AccountPath(name) + "/enable" }

// An AccountList is all accounts, by name.
type AccountList struct {
	Accounts []Account `json:"accounts"`
}

// An Account is somebody who may come in by name and password.
type Account struct {
	Name        string    `json:"name"`
	Disabled    bool      `json:"disabled"`
	MaxSessions int       `json:"maxSessions"` // at once
	Created     time.Time `json:"created"`
	LastSeen    time.Time `json:"lastSeen,omitzero"`
	Note        string    `json:"note,omitempty"`
}

// A NewAccount is the body of a call that adds one.
type NewAccount struct {
	Name        string `json:"name"`
	Password    string `json:"password,omitempty"`    // empty: one is made
	MaxSessions int    `json:"maxSessions,omitempty"` // 0: the usual
	Note        string `json:"note,omitempty"`
}

// A NewPassword is the body of a call that gives an account another.
type NewPassword struct {
	Password string `json:"password,omitempty"` // empty: one is made
}

// A MadePassword is the answer to both.
type MadePassword struct {
	Name     string `json:"name"`
	Password string `json:"password,omitempty"` // that was made; empty: the one that was sent
}

// An AccountChange is the body of a call that changes what else there is of an account.
type AccountChange struct {
	MaxSessions *int    `json:"maxSessions,omitempty"` // nil: as it was
	Note        *string `json:"note,omitempty"`
}

// An AccountEnded is the answer to what ends an account's sessions.
type AccountEnded struct {
	Name     string `json:"name"`
	Sessions int    `json:"sessions"` // that were ended
}

// An AccountImport is the body of an import.
type AccountImport struct {
	Htpasswd string `json:"htpasswd"` // lines of name:hash
	Replace  bool   `json:"replace,omitempty"`
}

// An AccountsImported is the answer to it, in the order of the lines.
type AccountsImported struct {
	Added    []string `json:"added"`
	Replaced []string `json:"replaced"`
}

func (o operators) accounts(_ http.ResponseWriter, r *http.Request) (any, error) {
	list, err := o.Accounts.List(r.Context())
	if err != nil {
		return nil, err
	}
	all := AccountList{Accounts: make([]Account, len(list))}
	for i, a := range list {
		all.Accounts[i] = describeAccount(a)
	}
	return all, nil
}

func describeAccount(a accounts.Account) Account {
	out := Account{Name: a.Name, Disabled: a.Disabled, MaxSessions: a.MaxSessions, Created: a.Created.UTC(), Note: a.Note}
	if a.LastSeen.Valid {
		out.LastSeen = a.LastSeen.Time.UTC()
	}
	return out
}

func (o operators) addAccount(w http.ResponseWriter, r *http.Request) (any, error) {
	var body NewAccount
	if err := decode(w, r, maxBody, &body, `{"name":"anna"}`); err != nil {
		return nil, err
	}
	answer := MadePassword{Name: body.Name}
	if body.Password == "" {
		answer.Password = accounts.MakePassword()
		body.Password = answer.Password
	}
	wanted := accounts.Account{Name: body.Name, MaxSessions: body.MaxSessions, Note: body.Note}
	if err := o.Accounts.Add(r.Context(), wanted, body.Password); err != nil {
		return nil, accountProblem(body.Name, err)
	}
	o.Log.InfoContext(r.Context(), "account added", "account", body.Name)
	return answer, nil
}

func (o operators) setAccountPassword(w http.ResponseWriter, r *http.Request) (any, error) {
	var body NewPassword
	if err := decode(w, r, maxBody, &body, `{"password":"kuru-sibe"}`); err != nil {
		return nil, err
	}
	answer := MadePassword{Name: r.PathValue("name")}
	if body.Password == "" {
		answer.Password = accounts.MakePassword()
		body.Password = answer.Password
	}
	if err := o.Accounts.SetPassword(r.Context(), answer.Name, body.Password); err != nil {
		return nil, accountProblem(answer.Name, err)
	}
	o.Log.InfoContext(r.Context(), "account has another password", "account", answer.Name)
	return answer, nil
}

// setAccount answers with the account as it is then.
func (o operators) setAccount(w http.ResponseWriter, r *http.Request) (any, error) {
	var body AccountChange
	if err := decode(w, r, maxBody, &body, `{"maxSessions":3,"note":"room 7"}`); err != nil {
		return nil, err
	}
	ctx, name := r.Context(), r.PathValue("name")
	a, err := o.Accounts.Set(ctx, name, accounts.Change{MaxSessions: body.MaxSessions, Note: body.Note})
	if err != nil {
		return nil, accountProblem(name, err)
	}
	o.Log.InfoContext(ctx, "account changed", "account", name, "maxSessions", a.MaxSessions, "note", a.Note)
	return describeAccount(a), nil
}

func (o operators) enableAccount(_ http.ResponseWriter, r *http.Request) (any, error) {
	name := r.PathValue("name")
	if err := o.Accounts.SetDisabled(r.Context(), name, false); err != nil {
		return nil, accountProblem(name, err)
	}
	o.Log.InfoContext(r.Context(), "account enabled", "account", name)
	return struct {
		Name string `json:"name"`
	}{name}, nil
}

func (o operators) disableAccount(_ http.ResponseWriter, r *http.Request) (any, error) {
	// Who asked may leave: what was begun is finished.
	return o.shutOut(context.WithoutCancel(r.Context()), r.PathValue("name"))
}

// removeAccount removes an account when nobody can come in by it, and its sessions have
// ended: so it can be tried again.
func (o operators) removeAccount(_ http.ResponseWriter, r *http.Request) (any, error) {
	ctx, name := context.WithoutCancel(r.Context()), r.PathValue("name")
	ended, err := o.shutOut(ctx, name)
	if err != nil {
		return nil, err
	}
	if err := o.Store.ForgetEndings(ctx, name); err != nil {
		return nil, err
	}
	if err := o.Accounts.Remove(ctx, name); err != nil {
		return nil, accountProblem(name, err)
	}
	o.Log.InfoContext(ctx, "account removed", "account", name)
	return ended, nil
}

// shutOut disables an account and ends its sessions.
func (o operators) shutOut(ctx context.Context, name string) (ended AccountEnded, err error) {
	if err := o.Accounts.SetDisabled(ctx, name, true); err != nil {
		return ended, accountProblem(name, err)
	}
	ended.Name = name
	if o.EndSessions != nil {
		ended.Sessions, err = o.EndSessions(ctx, name)
	}
	if err != nil {
		return ended, sessionsLeft(name, err)
	}
	o.Log.InfoContext(ctx, "account disabled", "account", name, "sessions", ended.Sessions)
	return ended, nil
}

func (o operators) importAccounts(w http.ResponseWriter, r *http.Request) (any, error) {
	var body AccountImport
	if err := decode(w, r, maxImport, &body, `{"htpasswd":"anna:$2y$10$…","replace":false}`); err != nil {
		return nil, err
	}
	done, err := o.Accounts.Import(r.Context(), body.Htpasswd, body.Replace)
	if err != nil {
		return nil, importProblem(err)
	}
	o.Log.InfoContext(r.Context(), "accounts imported", "added", len(done.Added), "replaced", len(done.Replaced))
	return AccountsImported{append([]string{}, done.Added...), append([]string{}, done.Replaced...)}, nil
}
