package hostsetup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// hostSays is a login to a host that runs a script of its own in the place of what it is told.
func hostSays(t *testing.T, script string) (*Login, error) {
	t.Helper()
	return LogIn(t.Context(), []string{"sh", "-c", script, "ssh"}, Target{Host: "a"}, io.Discard)
}

// TestLoginsThatEndAreNone, however well they do.
func TestLoginsThatEndAreNone(t *testing.T) {
	for script, want := range map[string]string{
		"true": errNotMet.Error(), "echo welcome": errNotMet.Error(), "head -c 200000 /dev/zero; echo": errNotMet.Error(),
		"exit 77": ErrNoRoot.Error(), "exit 255": "failed, or was cut off", "exit 1": "was not prepared",
	} {
		if l, err := hostSays(t, script); err == nil || l != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, %v; want %q", script, l, err, want)
		}
	}
}

// TestHostsSayWords, and few of them: what a hostile one says is shown to operators, among
// lines that they trust and commands that they are to type.
func TestHostsSayWords(t *testing.T) {
	l, err := hostSays(t, `head -c 200000 /dev/zero; echo; i=0; while [ $i -lt 1000 ]; do echo "wrp-hosts-add key 256 SHA256:x $i"; i=$((i+1)); done
printf 'wrp-hosts-add machine x86_64; reboot\nwrp-hosts-add key \033[2Jgone\nwrp-hosts-add ready\n'; cat >/dev/null; head -c 200000 /dev/zero; echo
i=0; while [ $i -lt 1000 ]; do printf 'to go back: a\r  here:\033[1Am b\n'; i=$((i+1)); done`)
	if err != nil {
		t.Fatal(err)
	}
	if l.Machine != "unknown" || len(l.Keys) != maxKeys {
		t.Errorf("the machine is %q with %d keys, want it unknown with %d", l.Machine, len(l.Keys), maxKeys)
	}
	var back []string
	err = l.Run(t.Context(), func(w io.Writer) error { _, err := fmt.Fprintln(w, "exit"); return err }, func(command string) { back = append(back, command) })
	if err != nil || len(back) != maxChanges || back[0] != "a?  here:?[1Am b" {
		t.Errorf("%d commands to go back (%v), the first %q; want %d of words", len(back), err, back[:min(len(back), 1)], maxChanges)
	}
	if got := words("\x1b[2Jgone" + strings.Repeat("x", 1<<20)); len(got) != maxSaid || got[:7] != "?[2Jgon" {
		t.Errorf("a long line is %d bytes, %q", len(got), got[:7])
	}
}

// hostHas has the host's shell find programs of the test's.
func hostHas(t *testing.T, programs map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range programs {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// TestGreetingsAreNoAnswers, though they end without an end of a line.
func TestGreetingsAreNoAnswers(t *testing.T) {
	hostHas(t, map[string]string{"id": "echo 0", "uname": "echo x86_64"})
	l, err := hostSays(t, `printf "Welcome\n\033]0;a\007"; for command; do :; done; eval "$command"`)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if l.Machine != "x86_64" {
		t.Errorf("the machine is %q, want what it says of itself", l.Machine)
	}
}

// TestNothingIsLeftOfALoginThatIsCutOff, just before it says that it waits.
func TestNothingIsLeftOfALoginThatIsCutOff(t *testing.T) {
	file := filepath.Join(t.TempDir(), "script")
	hostHas(t, map[string]string{"id": "echo 0", "mktemp": "sleep 0.5; : >" + file + "; echo " + file})
	if l, err := hostSays(t, `for command; do :; done; eval "$command" | { read line; read line; }`); err == nil {
		l.Close()
		t.Fatal("it waits for a script, want it cut off")
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the script's file is left: %v", err)
	}
}
