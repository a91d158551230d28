// Command distributor hands out WRP containers to retro web browsers.
//
// It is configured by environment variables and a file .env; .env.dist
// describes all of them.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/config"
	"wrpdistributor/internal/service"
)

func main() {
	log.SetOutput(io.Discard) // net/http quotes there what containers send unasked
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %s\n", cli.Program("distributor"), cli.Typed(err.Error()))
	}
	os.Exit(cli.ExitCode(err))
}

// run is the whole program.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	return cli.Run(ctx, rootCommand(), args, stdout, stderr)
}

// options are the flags that all commands have.
type options struct {
	envFile string
	pretend hostCount
}

const examples = `  distributor                     serve, as .env says
  distributor --pretend 3         serve on three pretend hosts, nothing else is needed
  distributor migrate             bring the database up to date, and exit
  distributor status              say whether clients get sessions, and what is wrong
  distributor hosts add root@c1   make a machine a container host
  distributor hosts list          say how each host is doing
  distributor hosts check         find out why a host does not work, and what to type
  distributor hosts pull          have all hosts pull the newest WRP image
  distributor why K7QX2MBD4T      tell what happened to the request of an error page
  distributor journal --since 1h  tell what happened lately
  distributor sessions list       say who has a session
  distributor statistics          say how full it was in the last week
  distributor accounts add anna   let somebody in by name and password
  distributor reload              take over what has changed in HOSTS_FILE
  distributor migrate --down      give the database back to the PHP program`

func rootCommand() *cobra.Command {
	opt := &options{}
	root := &cobra.Command{
		Use:     cli.Program("distributor"),
		Version: service.BuildVersion(),
		Short:   "Hand out WRP containers to retro web browsers",
		Long: `Hand out WRP containers to retro web browsers.

Without a sub-command the service runs until SIGINT or SIGTERM. It is configured
by environment variables and the file .env, see .env.dist.`,
		Example: examples,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), opt, cmd.ErrOrStderr())
		},
	}
	root.PersistentFlags().StringVar(&opt.envFile, "env-file", config.SettingsFile, "file with settings; variables of the process win over it")
	root.Flags().Var(&opt.pretend, "pretend", "serve on this many pretend hosts, 1 to 250, at 127.0.0.2, 127.0.0.3, …")
	root.AddCommand(migrateCommand(opt), hostsCommand(opt), healthcheckCommand(opt), statusCommand(opt), sessionsCommand(opt),
		processesCommand(opt), pauseCommand(opt), resumeCommand(opt), whyCommand(opt), journalCommand(opt), statisticsCommand(opt),
		accountsCommand(opt), configCommand(opt), reloadCommand(opt), tokenCommand(), versionCommand())
	root.InitDefaultCompletionCmd()
	i := slices.IndexFunc(root.Commands(), func(c *cobra.Command) bool { return c.Name() == "completion" })
	sayExit(root.Commands()[i])
	return root
}

// sayExit adds to help that is not ours what ours says of each command.
func sayExit(cmd *cobra.Command) {
	cmd.Long = strings.TrimSpace(cmd.Long) + "\n\nExit status: 0, or 2 wrong usage."
	for _, sub := range cmd.Commands() {
		sayExit(sub)
	}
}
