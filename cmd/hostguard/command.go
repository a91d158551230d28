package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"wrpdistributor/internal/hostguard"
)

const usage = `Let a distributor's SSH key start sessions on this host, and nothing else.

hostguard stands before Docker's socket. It starts the containers of one distributor,
from the images that this host allows, and refuses everything else with a line in
the log. Its settings are root's file ` + hostguard.ConfigFile + `.

Usage:
  hostguard [--config FILE] [--listen PATH | --stdio | --check | --version]

Without --listen and --stdio it serves the socket that systemd gives it.

Flags:
  --config FILE   the settings (` + hostguard.ConfigFile + `)
  --listen PATH   serve a Unix socket at PATH
  --stdio         serve one connection over standard input and output
  --check         say what the settings allow, and exit
  --version       say the version, and exit
  --help          say this

Examples:
  hostguard --check                     say what the settings allow, and exit
  hostguard --listen /run/guard.sock    serve without systemd; mode 0660, the group of whoever runs it
  hostguard --config FILE --check       the same with other settings

As the forced command of a key that may not open the socket, in authorized_keys:
  restrict,port-forwarding,permitopen="127.0.0.1:*",command="/usr/bin/wrp-hostguard --stdio" ssh-ed25519 ...

Exit status: 0 all went well, 1 something failed, 2 wrong usage or settings.
`

// options are what the command line says.
type options struct {
	config, listen        string
	stdio, check, version bool
}

// parse reads the command line. [flag.ErrHelp] means that help was asked for, and given.
func parse(args []string, p process) (*options, error) {
	opt := &options{}
	f := flag.NewFlagSet("hostguard", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&opt.config, "config", hostguard.ConfigFile, "")
	f.StringVar(&opt.listen, "listen", "", "")
	f.BoolVar(&opt.stdio, "stdio", false, "")
	f.BoolVar(&opt.check, "check", false, "")
	f.BoolVar(&opt.version, "version", false, "")
	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(p.out, usage)
		return nil, err
	case err != nil:
		return nil, usageError{fmt.Errorf("%w (see hostguard --help)", err)}
	case f.NArg() > 0:
		return nil, usageError{fmt.Errorf("unknown argument %q (see hostguard --help)", f.Arg(0))}
	case opt.stdio && opt.listen != "":
		return nil, usageError{errors.New("--stdio and --listen do not go together: one connection, or a socket for many")}
	}
	return opt, nil
}

// run is the whole program.
func run(ctx context.Context, args []string, p process) error {
	opt, err := parse(args, p)
	if err != nil {
		return err
	}
	if opt.version {
		_, err := fmt.Fprintln(p.out, "hostguard version", hostguard.Version())
		return err
	}
	cfg, err := hostguard.LoadConfig(opt.config)
	if err != nil {
		return usageError{err}
	}
	if opt.check {
		_, err := fmt.Fprint(p.out, cfg.Describe())
		return err
	}
	return serve(ctx, cfg, opt, p)
}
