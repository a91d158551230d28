package database

// Aside returns another handle on the same database, with one connection of its own: for
// work that nobody waits for, and that must not keep those waiting who do. It connects
// when it is first used. The caller closes it.
func (db *DB) Aside() (*DB, error) {
	cfg := db.cfg
	cfg.Create = false
	open := openMySQL
	if !db.isMySQL() {
		open = openSQLiteAside
	}
	conns, err := open(cfg)
	if err != nil {
		return nil, err
	}
	conns.SetMaxOpenConns(1)
	return &DB{DB: conns, cfg: cfg, lockWait: db.lockWait, measures: newMeasures()}, nil
}

// InsertIgnore begins an INSERT that leaves out the rows which a unique key refuses.
func (db *DB) InsertIgnore() string {
	if db.isMySQL() {
		return "INSERT IGNORE"
	}
	return "INSERT OR IGNORE"
}
