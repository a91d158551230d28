package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/hostsetup"
)

// addFlags are how a host is to be added.
type addFlags struct {
	user, key, max     string // of its line in HOSTS_FILE
	fingerprint        string
	guard              string
	noGuard, noTable   bool
	printing, prepared bool
	ssh                string
}

const addHostHelp = `Make a machine a container host, and have the distributor use it. By your own ssh,
with your agent and your configuration, as root or as somebody who may use sudo there
without being asked for a password. The machine needs Linux with Docker and nftables.

There it makes a user, whose key may do what sessions need and nothing else; installs
hostguard, which stands before Docker, and the table that keeps pages from the host's
network; and pulls the image. Here it makes a key, shows the host's fingerprint and
asks whether it is right, checks all as "hosts check" does, writes a line into
HOSTS_FILE, and reloads. With CONTAINER_HOSTS the last two are yours: what is to be in
a file instead is printed.

Only what is not yet as it should be is changed: once more changes nothing, and goes on
after a failure. A host joins only after all steps have passed. If one fails, or with
Ctrl-C, what was done is listed, with the command that takes it back.

The hostguard that is sent is FILE of --guard, or hostguard beside this program, or
/usr/lib/wrp-distributor/wrp-hostguard-ARCH; none if the host has the package.

Exit status: 0 the host works and joins, or the script is printed; 1 something failed,
which is said; 2 wrong usage or settings, and nothing was changed.`

const addHostExamples = `  distributor hosts add root@c1.example
  distributor hosts add admin@c2.example:2222 --max 20
  distributor hosts add root@c1.example --fingerprint SHA256:kpDc...   asks nothing
  distributor hosts add root@c3.example --ssh "ssh -J gate.example"
  distributor hosts add root@c4.example --guard wrp-hostguard-arm64
  distributor hosts add --print c5.example >prepare.sh     for its root to run; then
  distributor hosts add --prepared c5.example`

func addHostCommand(opt *options) *cobra.Command {
	var f addFlags
	cmd := &cobra.Command{
		Use:     "add [USER@]HOST[:PORT]",
		Short:   "Make a machine a container host, by your own ssh",
		Long:    addHostHelp,
		Example: addHostExamples,
		Args:    oneHost,

		ValidArgsFunction: completeHosts(opt),
		RunE: func(cmd *cobra.Command, args []string) error {
			target, err := hostsetup.ParseTarget(args[0])
			if err == nil {
				err = f.check()
			}
			if err != nil {
				return cli.Usage(err)
			}
			a := &addition{cmd: cmd, opt: opt, flags: f, target: target}
			return a.run(cmd.Context())
		},
	}
	f.define(cmd)
	return cmd
}

func (f *addFlags) define(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.user, "user", "wrp", "whom the distributor logs in as; made if there is none")
	flags.StringVar(&f.key, "key", "", "its key, in SSH_DIR or absolute (HOST.key); made if there is none")
	flags.StringVar(&f.max, "max", "", "how many containers the host may run, or auto (MAX_CONTAINERS_RUNNING)")
	flags.StringVar(&f.fingerprint, "fingerprint", "", "of the host's key: it is compared, and nothing is asked")
	flags.StringVar(&f.guard, "guard", "", "the hostguard for the host's kind of machine")
	flags.BoolVar(&f.noGuard, "no-guard", false, "without hostguard: the key leads to Docker, and with that to all of the host")
	flags.BoolVar(&f.noTable, "no-table", false, "without the table: pages reach the host and its network")
	flags.BoolVar(&f.printing, "print", false, "print the script for the host's root, and run nothing; the key is made")
	flags.BoolVar(&f.prepared, "prepared", false, "that script has been run: go on from there")
	flags.StringVar(&f.ssh, "ssh", "ssh", "your ssh, with options")
}

// check returns what does not go together.
func (f *addFlags) check() error {
	switch {
	case f.printing && f.prepared:
		return fmt.Errorf("--print and --prepared do not go together: first the one, then the other")
	case f.guard != "" && f.noGuard:
		return fmt.Errorf("--guard and --no-guard do not go together")
	case len(strings.Fields(f.ssh)) == 0:
		return fmt.Errorf("--ssh is empty: want a command, such as ssh")
	case strings.ContainsAny(f.user+f.key+f.max, " \t#\n"):
		return fmt.Errorf("--user, --key and --max stand in a line of HOSTS_FILE: want them without spaces and #")
	}
	return nil
}
