package hostguard

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
)

// A setting is a value, and where it stands.
type setting struct {
	value string
	line  int // 0: it is a default
}

// LoadConfig reads a file of settings. All that is wrong with it is said at once.
func LoadConfig(file string) (*Config, error) {
	text, err := readGuarded(file)
	if err != nil {
		return nil, err
	}
	cfg, problems := parseConfig(string(text))
	for i, p := range problems {
		problems[i] = fmt.Errorf("%s: %w", file, p)
	}
	return cfg, errors.Join(problems...)
}

// readGuarded reads a file that nobody but root, or whoever runs the guard, could change: the
// guard would be theirs then. What is looked at is what is read, whatever has the name by now.
func readGuarded(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("settings: %w (an empty file allows what docs/operations.md has as defaults: touch %s)", err, file)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return nil, fmt.Errorf("settings: others than its owner may write to %s: chmod go-w %[1]s", file)
	}
	owner, known := info.Sys().(*syscall.Stat_t)
	if known && owner.Uid != 0 && int(owner.Uid) != os.Geteuid() {
		return nil, fmt.Errorf("settings: %s is not root's: chown root %[1]s", file)
	}
	return io.ReadAll(f)
}

// parseConfig returns the settings of a file's text, or all that is wrong with them.
func parseConfig(text string) (*Config, []error) {
	set, problems := readSettings(text)
	p := &parser{settings: set, problems: problems}
	cfg := p.config()
	slices.SortStableFunc(p.problems, func(a, b problem) int { return cmp.Compare(a.line, b.line) })
	errs := make([]error, len(p.problems))
	for i, wrong := range p.problems {
		errs[i] = wrong
	}
	return cfg, errs
}

// readSettings splits the text into settings, those that are missing being defaults.
func readSettings(text string) (map[string]setting, []problem) {
	set := make(map[string]setting)
	for name, value := range defaults() {
		set[name] = setting{value: value}
	}
	var problems []problem
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		before, known := set[name]
		switch {
		case !ok:
			problems = append(problems, problem{number, line, "want NAME=value, or # before a comment"})
		case !known:
			problems = append(problems, problem{number, name, "there is no such setting; want one of " + strings.Join(slices.Sorted(maps.Keys(set)), ", ")})
		case before.line != 0:
			problems = append(problems, problem{number, name, fmt.Sprintf("it is set already, in line %d: remove one of the two", before.line)})
		default:
			set[name] = setting{value, number}
		}
	}
	return set, problems
}

// A problem is one mistake in the settings, with what is wanted instead.
type problem struct {
	line       int
	what, want string
}

// Error names the place, what stands there, and the mend.
func (p problem) Error() string { return fmt.Sprintf("line %d: %s: %s", p.line, p.what, p.want) }
