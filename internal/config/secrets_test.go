package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
)

// For CONTAINER_HOSTS_KEYS_FILE see TestListsHaveAnEntryForEachHost.
func TestSecretsAreReadFromFiles(t *testing.T) {
	dir := t.TempDir()
	good := map[string]string{}
	for name, text := range map[string]string{
		"AUTH_TOKEN": "to ken\n", "ADMIN_TOKEN": "admin\r\n",
		"SESSION_DATABASE_DSN": "mysql:dbname=d;host=db\n", "SESSION_DATABASE_USER": "wrp\n", "SESSION_DATABASE_PASS": " pass \n",
	} {
		good[name+"_FILE"] = writeFile(t, filepath.Join(dir, name), text)
	}
	c, err := parseEnv(good)
	if err != nil {
		t.Fatal(err)
	}
	if c.AuthToken != "to ken" || c.AdminToken != "admin" || c.Database.String() != "mysql wrp@tcp(db:3306)/d" || c.Database.MySQL.Passwd != " pass " {
		t.Errorf("tokens %q and %q, database %s, password %q", string(c.AuthToken), string(c.AdminToken), c.Database, c.Database.MySQL.Passwd)
	}
}

// TestSecretsAreReadFromCredentials: where systemd has put copies of the files of a folder,
// the files themselves are closed to the service's user.
func TestSecretsAreReadFromCredentials(t *testing.T) {
	dir, copies := t.TempDir(), t.TempDir()
	secrets := filepath.Join(dir, "secrets")
	writeFile(t, filepath.Join(copies, "secrets_AUTH_TOKEN"), "copied\n")
	writeFile(t, filepath.Join(secrets, "ADMIN_TOKEN"), "itself\n")
	files := map[string]string{"AUTH_TOKEN_FILE": secrets + "/AUTH_TOKEN", "ADMIN_TOKEN_FILE": secrets + "/ADMIN_TOKEN"}
	if _, err := parseEnv(files); err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("AUTH_TOKEN_FILE=%q: want a readable file", secrets+"/AUTH_TOKEN")) {
		t.Errorf("without copies: %v, want AUTH_TOKEN_FILE to be missed", err)
	}
	t.Setenv(credentialsDir, copies)
	c, err := parseEnv(files)
	if err != nil {
		t.Fatal(err)
	}
	if c.AuthToken != "copied" || c.AdminToken != "itself" {
		t.Errorf("tokens %q and %q, want the copy, and the file that has none", string(c.AuthToken), string(c.AdminToken))
	}
}

func TestSecretFileProblemQuotesNothing(t *testing.T) {
	dir := t.TempDir()
	empty := writeFile(t, filepath.Join(dir, "empty"), " \n")
	full := writeFile(t, filepath.Join(dir, "full"), "hunter2\nhunter2\n")
	for _, name := range []string{"AUTH_TOKEN", "AUTH_TOKEN_PREVIOUS", "BACKEND_TOKEN", "ADMIN_TOKEN", "METRICS_TOKEN", "SESSION_DATABASE_DSN", "SESSION_DATABASE_USER", "SESSION_DATABASE_PASS", "CONTAINER_HOSTS_KEYS"} {
		for _, tt := range []struct{ value, file, want string }{
			{"", dir + "/none", "want a readable file: open " + dir + "/none: no such file"},
			{"", dir, "want a readable file: read " + dir + ": is a directory"},
			{"", empty, "the file is empty"},
			{"hunter2", full, "is set, and so is " + name + "; want only one of them"},
		} {
			env := map[string]string{"AUTH_TOKEN": "k", name: tt.value, name + "_FILE": tt.file}
			_, err := parseEnv(env)
			want := fmt.Sprintf("%s_FILE=%q: %s", name, tt.file, tt.want)
			if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s_FILE=%s:\n%v\nwant one line that starts with\n%s", name, tt.file, err, want)
			}
		}
	}
	// What cannot be read is not called missing as well.
	_, err := parseEnv(map[string]string{"AUTH_TOKEN_FILE": empty, "SESSION_DATABASE_DSN": "mysql:dbname=d;host=db", "SESSION_DATABASE_USER_FILE": empty, "CONTAINER_HOSTS": "a", "CONTAINER_HOSTS_KEYS_FILE": empty})
	if err == nil || strings.Count(err.Error(), "\n")+1 != 3 {
		t.Errorf("three empty files: %v, want three problems", err)
	}
	if _, err := parseEnv(map[string]string{"AUTH_TOKEN_FILE": full}); err == nil || err.Error() != "AUTH_TOKEN: want one line of text without spaces at its ends" {
		t.Errorf("a token of two lines: %v", err)
	}
}

func TestNothingPrintsASecret(t *testing.T) {
	dir := t.TempDir()
	writeKey(t, filepath.Join(dir, "key"), "hunter2")
	c, err := parseEnv(map[string]string{
		"AUTH_TOKEN": "hunter2", "ADMIN_TOKEN": "hunter2+", "SESSION_DATABASE_DSN": "u:hunter2@tcp(db)/d",
		"CONTAINER_HOSTS": "a", "CONTAINER_HOSTS_KEYS": "u~key~hunter2", "SSH_DIR": dir,
	})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, value := range []any{c, *c, c.AuthToken, c.Database, &c.Database, []Secret{c.AdminToken}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", value)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "value", value)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "value", value)
		text, _ := json.Marshal(value)
		out.Write(text)
	}
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, "hunter2") || strings.Contains(line, fmt.Sprintf("%x", "hunter2")) {
			t.Errorf("printed a secret: %s", line)
		}
	}
	if got := fmt.Sprintf("%s, %s, %s", c.AuthToken, c.Database, Secret("")); got != "***, mysql u@tcp(db:3306)/d, " {
		t.Errorf("printed %q", got)
	}
	if got, err := json.Marshal(map[string]any{"d": c.Database, "t": c.AuthToken}); string(got) != `{"d":"mysql u@tcp(db:3306)/d","t":"***"}` {
		t.Errorf("JSON %s, %v", got, err)
	}
	out.Reset()
	slog.New(slog.NewTextHandler(&out, nil)).Info("start", "config", c)
	for _, want := range []string{"config.listen=:7777", `config.hosts="[a (10)]"`, "config.startPort=9090", `config.database="mysql u@tcp(db:3306)/d"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the log does not say %s: %s", want, &out)
		}
	}
}
