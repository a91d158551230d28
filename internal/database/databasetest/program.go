package databasetest

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A program is an installed database server.
type program struct {
	path    string
	version string // what it says of itself
}

func findProgram() (program, error) {
	// Servers are often out of the PATH of ordinary users.
	for _, name := range []string{"mariadbd", "mysqld", "/usr/sbin/mariadbd", "/usr/sbin/mysqld", "/usr/libexec/mysqld"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		version, err := exec.Command(path, "--no-defaults", "--version").Output()
		if err != nil {
			return program{}, fmt.Errorf("ask %s for its version: %w", path, err)
		}
		return program{path, string(version)}, nil
	}
	return program{}, errNotInstalled
}

func (p program) isMariaDB() bool { return strings.Contains(p.version, "MariaDB") }

// arguments returns options for a small and quick server, followed by more. What it
// stores need not survive a crash of the machine.
func (p program) arguments(more ...string) []string {
	args := []string{
		"--no-defaults",
		"--skip-name-resolve",
		"--skip-log-bin",
		"--character-set-server=utf8mb4", // as MySQL and most distributions have it
		"--max-connections=300",
		"--performance-schema=OFF",
		"--key-buffer-size=1M",
		"--innodb-buffer-pool-size=32M",
		"--innodb-flush-log-at-trx-commit=2", // survives the server's own death
		"--innodb-use-native-aio=OFF",
	}
	if p.isMariaDB() {
		args = append(args, "--debug-no-sync", "--innodb-log-file-size=16M", "--loose-innodb-undo-tablespaces=0")
	} else {
		args = append(args, "--mysqlx=OFF", "--secure-file-priv=NULL", "--loose-innodb-redo-log-capacity=16M")
	}
	if os.Geteuid() == 0 {
		args = append(args, "--user=root")
	}
	return append(args, more...)
}

// template returns a folder with the data of a server that has never run. It is
// made once per version and kept in the user's cache. Any number of test
// binaries may ask at once: the first to finish wins.
func (p program) template() (string, error) {
	sum := sha256.Sum256([]byte(strings.Join(append(p.arguments(), p.path, p.version), "\n")))
	cache := cacheDir()
	dir := filepath.Join(cache, fmt.Sprintf("server-%x", sum[:8]))
	if isDir(dir) {
		return dir, nil
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return "", err
	}
	sweep(cache, templatePrefix)
	temp, err := os.MkdirTemp(cache, ownPrefix(templatePrefix))
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp)
	data := filepath.Join(temp, "data")
	if out, err := p.initialise(data).CombinedOutput(); err != nil {
		return "", fmt.Errorf("initialise %s: %w: %s", p.path, err, out)
	}
	if err := os.Rename(data, dir); err != nil && !isDir(dir) {
		return "", err
	}
	return dir, nil
}

// initialise returns the command that makes a server's first data.
func (p program) initialise(dir string) *exec.Cmd {
	if !p.isMariaDB() {
		return exec.Command(p.path, p.arguments("--initialize-insecure", "--datadir="+dir)...)
	}
	args := p.arguments("--datadir="+dir, "--auth-root-authentication-method=socket", "--skip-test-db")
	return exec.Command("mariadb-install-db", args...)
}

func cacheDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return filepath.Join(os.TempDir(), fmt.Sprintf("wrpdistributor-tests-%d", os.Geteuid()))
	}
	return filepath.Join(dir, "wrpdistributor-tests")
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
