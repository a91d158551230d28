package scripts_test

import (
	"fmt"
	"regexp"
	"strings"

	"wrpdistributor/internal/hosts/hoststest"
)

// What the PHP program has, as it can be compared.
type phpDatabase struct {
	schema     string
	doctrine   string
	session    string // the one that stays
	statistics string // all rows of before
}

var nextID = regexp.MustCompile(` AUTO_INCREMENT=\d+`)

func (l *legacy) whatPHPHas(in installation) (d phpDatabase) {
	l.t.Helper()
	for _, table := range strings.Split(in.php("SHOW TABLES"), "\n") {
		d.schema += nextID.ReplaceAllString(in.php("SHOW CREATE TABLE "+table), "") + "\n"
	}
	d.doctrine = in.php("SELECT * FROM doctrine_migration_versions")
	d.session = in.php(fmt.Sprint("SELECT id, clientIp, clientUserAgent, wrpContainerId, containerHost, port, started FROM sessions WHERE id = ", l.stays.id))
	d.statistics = in.php(fmt.Sprintf("SELECT * FROM statistics ORDER BY id LIMIT %d", rowsOfPHP))
	return d
}

// isPHPsAgain: it finds its tables as it left them, with one session that it started and
// the statistics of the meantime in its own form. What it could not stop is stopped.
func (l *legacy) isPHPsAgain(in installation, before phpDatabase, ours string) {
	l.t.Helper()
	after := l.whatPHPHas(in)
	for what, pair := range map[string][2]string{
		"tables": {before.schema, after.schema}, "doctrine_migration_versions": {before.doctrine, after.doctrine},
		"the session that runs": {before.session, after.session}, "statistics of before": {before.statistics, after.statistics},
	} {
		if pair[0] != pair[1] {
			l.t.Errorf("%s are\n%s\nand were\n%s", what, pair[1], pair[0])
		}
	}
	if n := in.php("SELECT COUNT(*) FROM sessions"); n != "1" {
		l.t.Errorf("it finds %s sessions, want the one that it started itself", n)
	}
	meantime := strings.Split(in.php(fmt.Sprintf("SELECT containersInUsePerHost FROM statistics WHERE id > (SELECT MAX(id) FROM (SELECT id FROM statistics ORDER BY id LIMIT %d) AS old)", rowsOfPHP)), "\n")
	for _, perHost := range meantime {
		if !strings.HasPrefix(perHost, "a:") {
			l.t.Errorf("a row of the meantime has %q, want what the PHP program reads", perHost)
		}
	}
	l.isGone(ours)
	if hoststest.Docker(l.t, "ps", "-q", "--no-trunc", "--filter", "id="+l.stays.container) != l.stays.container {
		l.t.Error("the session that the PHP program started does not run any more")
	}
}

// leavesNothing: when the PHP program has stopped what is its own.
func (l *legacy) leavesNothing(databaseID string) {
	l.t.Helper()
	hoststest.Docker(l.t, "stop", l.stays.container)
	l.isGone(l.stays.container)
	if left := hoststest.Docker(l.t, "ps", "-a", "--filter", "label=wrpdistributor.database="+databaseID); strings.Contains(left, "\n") {
		l.t.Errorf("containers of ours are left:\n%s", left)
	}
}

// isGone: Docker removes what was started with --rm a moment after it has stopped.
func (l *legacy) isGone(container string) {
	l.t.Helper()
	eventually(l.t, "container "+container+" is gone", func() bool {
		return hoststest.Docker(l.t, "ps", "-aq", "--filter", "id="+container) == ""
	})
}
