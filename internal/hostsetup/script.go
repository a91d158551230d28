// Package hostsetup makes a machine a container host: a script that its root runs, and the
// way there, which is the operator's own ssh.
//
// The script changes what is not yet as it is to be, and says before each change how to
// take that back. So it can be cut off anywhere and run again. Nothing here knows of the
// distributor's settings or writes them.
package hostsetup

import (
	_ "embed"
	"fmt"
	"io"
	"strings"

	"wrpdistributor/docker/host"
	"wrpdistributor/packaging"
)

//go:embed prepare.sh
var prepare string

// A Script prepares one host.
type Script struct {
	Host      string // for people
	User      string // whom the distributor logs in as
	PublicKey string // a line without options
	Image     string // what its containers run

	NoTable  bool   // pages may reach what is near the host
	NoGuard  bool   // the key leads to Docker itself
	Guard    *Guard // what is sent; nil: the host has its own
	Settings string // of the guard
}

// What may stand before the key, by the way to Docker.
const (
	locked  = `restrict,port-forwarding,permitopen="127.0.0.1:*",permitlisten="127.0.0.1:1",`
	through = locked + `command="/bin/false",`

	guardSocket   = through + `permitopen="[/run/wrp-hostguard/docker.sock]:*"`
	guardCommand  = locked + `command="/usr/bin/wrp-hostguard --stdio"`
	dockerSocket  = through + `permitopen="[/var/run/docker.sock]:*"`
	dockerCommand = locked + `command="docker system dial-stdio"`
)

// mark stands in settings that the script writes anew.
const mark = "Written by: distributor hosts add"

// Write writes the script.
func (s Script) Write(w io.Writer) error {
	fmt.Fprintf(w, `#!/bin/sh
# Makes %s a container host. For root, on that machine: sh FILE. Once more changes nothing.
# Made by "distributor hosts add".
set -eu
`, s.Host)
	s.variables(w)
	s.files(w)
	io.WriteString(w, "\n"+prepare)
	if s.Guard != nil {
		if err := s.Guard.write(w); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "\nmain </dev/null\n")
	return err
}

func (s Script) variables(w io.Writer) {
	arch := ""
	if s.Guard != nil {
		arch = s.Guard.Arch
	}
	for _, v := range []struct{ name, value string }{
		{"host", s.Host}, {"user", s.User}, {"public_key", s.PublicKey}, {"image", s.Image},
		{"guard", yes(!s.NoGuard)}, {"guard_arch", arch}, {"table", yes(!s.NoTable)}, {"mark", mark},
		{"guard_socket_options", guardSocket}, {"guard_command_options", guardCommand},
		{"docker_socket_options", dockerSocket}, {"docker_command_options", dockerCommand},
	} {
		fmt.Fprintf(w, "%s=%s\n", v.name, Quote(v.value))
	}
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return ""
}

// files are functions of the script that print what is to be in a file.
func (s Script) files(w io.Writer) {
	const end = "END OF THE FILE"
	for _, f := range []struct{ name, text string }{
		{"guard_settings", s.Settings}, {"guard_user", packaging.GuardUser},
		{"guard_unit_socket", packaging.GuardSocket}, {"guard_unit_service", packaging.GuardService},
		{"egress_rules", host.Rules}, {"egress_script", host.Script}, {"egress_unit", egressUnit()},
	} {
		fmt.Fprintf(w, "\n%s() {\ncat <<'%s'\n%s%[2]s\n}\n", f.name, end, f.text)
	}
}

// egressUnit is that of the package: its first lines are for who copies it to /etc.
func egressUnit() string {
	_, unit, _ := strings.Cut(host.Unit, "\n[Unit]\n")
	return "[Unit]\n" + strings.ReplaceAll(unit, "/etc/wrp-egress.sh", "/usr/lib/wrp-hostguard/wrp-egress.sh")
}

// Quote writes a word so that a shell reads it as it is.
func Quote(word string) string {
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
