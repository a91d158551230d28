package accounts

import (
	"context"
	"fmt"

	"github.com/jmoiron/sqlx"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/journal"
)

// An Imported says what became of a file's lines, in their order.
type Imported struct {
	Added    []string
	Replaced []string // accounts that were there, and have another password now
}

// Import makes an account of each line of a file of passwords: name:hash, with bcrypt, as
// htpasswd -B writes it. With replace, accounts that are there get their line's password;
// without, they are a mistake. If there is any mistake nothing is imported, and the error
// is of type [Problems].
func (a *Accounts) Import(ctx context.Context, text string, replace bool) (Imported, error) {
	file, bad := parseHtpasswd(text)
	if len(bad) > 0 {
		return Imported{}, bad
	}
	var done Imported
	err := database.InTx(ctx, a.db, func(tx *sqlx.Tx) error {
		taken, err := a.taken(ctx, tx)
		if err != nil {
			return err
		}
		if bad := file.existing(taken); len(bad) > 0 && !replace {
			return bad
		}
		done, err = a.write(ctx, tx, file, taken)
		return err
	})
	a.change(file.names()...)
	if database.IsDuplicate(err) {
		err = Problems{"somebody adds accounts at the same time; import the file again"}
	}
	if err != nil {
		return Imported{}, fmt.Errorf("import accounts: %w", err)
	}
	for _, name := range done.Added {
		a.note(ctx, journal.AccountAdded{Account: name})
	}
	for _, name := range done.Replaced {
		a.note(ctx, journal.AccountPassword{Account: name})
	}
	return done, nil
}

// taken returns the names that accounts have.
func (a *Accounts) taken(ctx context.Context, tx *sqlx.Tx) (map[string]bool, error) {
	var names []string
	if err := tx.SelectContext(ctx, &names, `SELECT name FROM accounts`); err != nil {
		return nil, err
	}
	taken := make(map[string]bool, len(names))
	for _, name := range names {
		taken[name] = true
	}
	return taken, nil
}

func (a *Accounts) write(ctx context.Context, tx *sqlx.Tx, file htpasswd, taken map[string]bool) (done Imported, err error) {
	for _, name := range file.names() {
		if taken[name] {
			_, err = tx.ExecContext(ctx, `UPDATE accounts SET passwordHash = ?, version = ? WHERE name = ?`, file[name].hash, newVersion(), name)
			done.Replaced = append(done.Replaced, name)
		} else {
			_, err = tx.ExecContext(ctx, `INSERT INTO accounts (name, passwordHash, created, version) VALUES (?, ?, `+a.db.Now()+`, ?)`, name, file[name].hash, newVersion())
			done.Added = append(done.Added, name)
		}
		if err != nil {
			return Imported{}, err
		}
	}
	return done, nil
}
