package main

import (
	"fmt"
	"log/slog"
	"net"
	"path/filepath"

	"wrpdistributor/internal/certificate"
	"wrpdistributor/internal/config"
	"wrpdistributor/internal/hosts"
)

// gatewayCertificate returns the gateway's: the configured one, or one of our own.
func gatewayCertificate(cfg *config.Config, log *slog.Logger) (*certificate.Certificate, error) {
	return certificateOf("GATEWAY_TLS_CERT", cfg.Gateway.Cert, filepath.Join(cfg.DataDir, "gateway.pem"), namesOf(cfg.Gateway.TLSAddress), log)
}

// certificateOf returns the one of the files that a setting names; of none, the one that is
// kept in own, for these names.
func certificateOf(variable string, files *hosts.TLSFiles, own string, names []string, log *slog.Logger) (*certificate.Certificate, error) {
	if files == nil {
		return certificate.SelfSigned(own, names, log)
	}
	c, err := certificate.Load(files.Cert, files.Key, log)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", variable, err)
	}
	return c, nil
}

// namesOf returns the hosts of addresses that have one, and what this machine is by itself.
func namesOf(addresses ...string) (names []string) {
	for _, address := range addresses {
		if host, _, _ := net.SplitHostPort(address); host != "" {
			names = append(names, host)
		}
	}
	return append(names, "localhost", "127.0.0.1")
}
