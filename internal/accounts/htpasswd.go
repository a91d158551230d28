package accounts

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

const (
	maxCost     = 12 // more would cost a second of processor for each password
	maxProblems = 20 // of a file that are told
)

// Problems is all that is wrong with the lines of a file of passwords. It is an error.
type Problems []string

// Error has one line for each problem.
func (p Problems) Error() string {
	if more := len(p) - maxProblems; more > 0 {
		p = append(p[:maxProblems:maxProblems], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(p, "\n")
}

// An entry is one line.
type entry struct {
	line int
	hash string
}

// An htpasswd is a file of passwords as Apache's program of that name writes it, by name.
type htpasswd map[string]entry

var bcryptHash = regexp.MustCompile(`^\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}$`)

// parseHtpasswd reads name:hash lines. Empty ones, and those that begin with #, are none.
func parseHtpasswd(text string) (htpasswd, Problems) {
	file, bad := make(htpasswd), Problems(nil)
	n := 0
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		n++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		name, hash, _ := strings.Cut(line, ":")
		err := checkEntry(name, hash)
		if first, twice := file[name]; twice && err == nil {
			err = fmt.Errorf("%s stands in line %d already", name, first.line)
		}
		if err != nil {
			bad = append(bad, fmt.Sprintf("line %d: %v", n, err))
			continue
		}
		file[name] = entry{n, hash}
	}
	if len(file)+len(bad) == 0 {
		bad = Problems{"there are no lines of the form name:hash, as htpasswd -B writes them"}
	}
	return file, bad
}

// checkEntry quotes no hash: of some kinds it is the password itself.
func checkEntry(name, hash string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	m := bcryptHash.FindStringSubmatch(hash)
	if m == nil {
		return fmt.Errorf("what stands after %s: is no bcrypt hash, want one of: htpasswd -B", name)
	}
	cost, _ := strconv.Atoi(m[1]) // it is two digits
	if cost < bcrypt.MinCost || cost > maxCost {
		return fmt.Errorf("the hash of %s has cost %d, want %d to %d, such as of: htpasswd -B -C 10", name, cost, bcrypt.MinCost, maxCost)
	}
	return nil
}

// existing returns a problem for each line whose name is taken.
func (f htpasswd) existing(taken map[string]bool) (bad Problems) {
	for _, name := range f.names() {
		if taken[name] {
			bad = append(bad, fmt.Sprintf("line %d: there is an account %s already; --replace gives it this password", f[name].line, name))
		}
	}
	return bad
}

// names returns them in the order of the lines.
func (f htpasswd) names() []string {
	return slices.SortedFunc(maps.Keys(f), func(a, b string) int { return cmp.Compare(f[a].line, f[b].line) })
}
