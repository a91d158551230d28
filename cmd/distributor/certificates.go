package main

import (
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"

	"wrpdistributor/internal/certificate"
	"wrpdistributor/internal/config"
	"wrpdistributor/internal/hosts"
)

// gatewayCertificate returns the gateway's: the configured one, or one of our own.
func gatewayCertificate(cfg *config.Config, log *slog.Logger) (*certificate.Certificate, error) {
	return certificateOf("GATEWAY_TLS_CERT", cfg.Gateway.Cert, filepath.Join(cfg.DataDir, "gateway.pem"), namesOf(cfg.Gateway.TLSAddress), log)
}

// apiCertificate is [gatewayCertificate] for TLS_LISTEN. By which name clients know this
// machine is said of the gateway at most.
func apiCertificate(cfg *config.Config, log *slog.Logger) (*certificate.Certificate, error) {
	names := namesOf(cfg.TLS.Listen, cfg.Gateway.TLSAddress, cfg.Gateway.Address)
	return certificateOf("TLS_CERT", cfg.TLS.Cert, filepath.Join(cfg.DataDir, "api.pem"), names, log)
}

// checkCertificates returns what is wrong with the files that the settings name, as
// [config.Problems].
func checkCertificates(cfg *config.Config) error {
	var all config.Problems
	for _, setting := range []struct {
		variable string
		used     bool
		files    *hosts.TLSFiles
	}{{"TLS_CERT", cfg.TLS.Listen != "", cfg.TLS.Cert}, {"GATEWAY_TLS_CERT", cfg.Gateway.TLSListen != "", cfg.Gateway.Cert}} {
		if !setting.used || setting.files == nil {
			continue
		}
		if _, err := certificate.Load(setting.files.Cert, setting.files.Key, slog.New(slog.DiscardHandler)); err != nil {
			all = append(all, config.Problem{Variable: setting.variable, Want: err.Error()})
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
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

// namesOf returns the hosts of addresses that have one, and what this machine is by itself,
// each once.
func namesOf(addresses ...string) (names []string) {
	for _, address := range append(addresses, "localhost:", "127.0.0.1:") {
		host, _, _ := net.SplitHostPort(address)
		if ip := net.ParseIP(host); host != "" && !ip.IsUnspecified() && !slices.Contains(names, host) {
			names = append(names, host)
		}
	}
	return names
}
