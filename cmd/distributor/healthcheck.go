package main

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/redact"
)

// healthcheckCommand is for container images without curl.
func healthcheckCommand() *cobra.Command {
	var address string
	cmd := &cobra.Command{
		Use:     "healthcheck",
		Short:   "Ask the service on this machine whether it works, for container health checks",
		Example: `  distributor healthcheck --address 127.0.0.1:7777`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, _, err := net.SplitHostPort(address); err != nil {
				return cli.Usage(fmt.Errorf("--address %q: want host:port", address))
			}
			// A transport of its own: the default one asks the environment for a proxy.
			client := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{}}
			req, err := http.NewRequestWithContext(cmd.Context(), http.MethodGet, "http://"+address+"/healthz", http.NoBody)
			if err != nil {
				return err
			}
			resp, err := client.Do(req)
			if err != nil {
				return fmt.Errorf("ask %s: %w", address, redact.Answer(err))
			}
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				return fmt.Errorf("the service answers %d", resp.StatusCode)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&address, "address", "127.0.0.1:7777", "where the service listens")
	return cmd
}
