package service_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"wrpdistributor/internal/config"
	"wrpdistributor/internal/service"
	"wrpdistributor/internal/session"
)

// TestLogLeavesAddressesOut with LOG_CLIENTS=hash, and has all else.
func TestLogLeavesAddressesOut(t *testing.T) {
	for _, hash := range []bool{false, true} {
		var out strings.Builder
		log := slog.New(slog.NewTextHandler(&out, service.LogOptions(&config.Config{HashClients: hash}, slog.LevelDebug)))
		log.Info("a", "client", session.Client{IP: "192.0.2.1", UserAgent: "AmiFox"}, "host", "198.51.100.1")
		log.Info("a", "client", session.Visitor("one", "192.0.2.1", 1))
		log.Info("a", "client", session.AccountUser("anna", "second", 1))
		log.Info("b", "client", "192.0.2.1", "peer", "192.0.2.1:4711")
		log.Info("c", "err", errors.New("read tcp 198.51.100.1:7777->192.0.2.1:4711: connection reset by peer"))
		log.Info("d", "err", errors.New("read tcp 198.51.100.1:7777->[2001:db8::1]:4711: connection reset by peer"))
		log.Info("http: TLS handshake error from 192.0.2.1:4711: EOF")
		log.Info("http: TLS handshake error from [2001:db8::1]:4711: EOF")
		text := out.String()
		for _, address := range []string{"192.0.2.1", "2001:db8::1"} {
			if strings.Contains(text, address) == hash {
				t.Errorf("with hashes %t the log has %s or has it not:\n%s", hash, address, text)
			}
		}
		for _, kept := range []string{"#" + hashOf(t), "host=198.51.100.1", "client=anna/second", "connection reset by peer", "TLS handshake error", "EOF"} {
			if !strings.Contains(text, kept) {
				t.Errorf("with hashes %t the log has no %q:\n%s", hash, kept, text)
			}
		}
	}
}

func hashOf(t *testing.T) string {
	t.Helper()
	_, hash, ok := strings.Cut(session.Client{IP: "192.0.2.1", UserAgent: "AmiFox"}.LogValue().String(), "#")
	if !ok {
		t.Fatal("a client without a hash")
	}
	return hash
}
