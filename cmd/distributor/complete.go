package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"wrpdistributor/internal/operator"
)

// quiet returns an asker for a shell that completes a line: nothing else may be printed.
func quiet(opt *options) *asker {
	return &asker{opt: opt, stderr: io.Discard, notice: io.Discard}
}

// completeHosts completes the name of one host.
func completeHosts(opt *options) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
		a := quiet(opt)
		defer a.close()
		var all operator.Hosts
		if len(args) > 0 || a.ask(cmd.Context(), operator.Call{Path: operator.HostsPath}, &all) != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		for _, h := range all.Hosts {
			names = append(names, h.Name)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeSessions completes the ID of one session.
func completeSessions(opt *options) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) (ids []string, _ cobra.ShellCompDirective) {
		a := quiet(opt)
		defer a.close()
		var all operator.SessionList
		if len(args) > 0 || a.ask(cmd.Context(), operator.Call{Path: operator.SessionsPath}, &all) != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		for _, s := range all.Sessions {
			ids = append(ids, cobra.CompletionWithDesc(fmt.Sprint(s.ID), fmt.Sprintf("%s on %s", s.Client, s.Host)))
		}
		return ids, cobra.ShellCompDirectiveNoFileComp
	}
}
