package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/config"
	"wrpdistributor/internal/redact"
	"wrpdistributor/internal/service"
)

// healthcheckCommand is for container images without curl.
func healthcheckCommand(opt *options) *cobra.Command {
	var address string
	cmd := &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask the service on this machine whether it works, for container health checks",
		Long: `Ask the service on this machine whether it works, for container health checks.

Exit status: 0 it answers, 1 it does not, or that it does not work, 2 wrong usage or
settings.`,
		Example: `  distributor healthcheck --address 127.0.0.1:7777`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if address == "" {
				var err error
				if address, err = ownAddress(cmd.Context(), opt.envFile); err != nil {
					return cli.Usage(err)
				}
			}
			if _, _, err := net.SplitHostPort(address); err != nil {
				return cli.Usage(fmt.Errorf("--address %q: want host:port", address))
			}
			return askHealth(cmd.Context(), address)
		},
	}
	cmd.Flags().StringVar(&address, "address", "", "where the service listens, host:port (default: as LISTEN says)")
	return cmd
}

// ownAddress returns where the service can be reached from this machine.
func ownAddress(ctx context.Context, envFile string) (string, error) {
	listen, err := config.Listen(envFile, service.Environment(ctx, envFile))
	if err != nil {
		return "", err
	}
	host, port, _ := net.SplitHostPort(listen) // it was checked
	if port == "0" {
		return "", errors.New("LISTEN leaves the port to chance, want --address")
	}
	addr, err := netip.ParseAddr(host)
	switch {
	case host == "" || err == nil && addr == netip.IPv4Unspecified():
		host = "127.0.0.1"
	case err == nil && addr.IsUnspecified():
		host = "::1"
	}
	return net.JoinHostPort(host, port), nil
}

func askHealth(ctx context.Context, address string) error {
	// A transport of its own: the default one asks the environment for a proxy.
	client := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/healthz", http.NoBody)
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
}
