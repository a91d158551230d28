package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"wrpdistributor/internal/clientconn"
	"wrpdistributor/internal/config"
)

const (
	headerTimeout = 10 * time.Second
	readTimeout   = 30 * time.Second // of a whole request, over a slow modem too
	idleTimeout   = 2 * time.Minute
	maxHeader     = 32 << 10

	// How long a client may take nothing of an answer. Those of the distributor are
	// short; what comes through the gateway may wait for somebody to choose a folder.
	apiStall     = time.Minute
	gatewayStall = 5 * time.Minute
)

// listeners is where clients connect; nil: not configured.
type listeners struct {
	api        *listener
	gateway    *listener
	gatewayTLS *listener
	metrics    *listener
}

type listener struct {
	clientconn.Listener
	variable string // the setting that says where, for errors
}

// openListeners listens on all configured addresses. Nothing is served yet.
func openListeners(cfg *config.Config, log *slog.Logger) (*listeners, error) {
	l := &listeners{}
	if err := l.open(cfg, log); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *listeners) open(cfg *config.Config, log *slog.Logger) (err error) {
	if l.api, err = listen("LISTEN", cfg.Listen, apiStall); err != nil {
		return err
	}
	if cfg.MetricsListen != "" {
		if l.metrics, err = listen("METRICS_LISTEN", cfg.MetricsListen, apiStall); err != nil {
			return err
		}
	}
	if cfg.Gateway.Listen == "" {
		return nil
	}
	if l.gateway, err = listen("GATEWAY_LISTEN", cfg.Gateway.Listen, gatewayStall); err != nil {
		return err
	}
	if cfg.Gateway.TLSListen == "" {
		return nil
	}
	if l.gatewayTLS, err = listen("GATEWAY_TLS_LISTEN", cfg.Gateway.TLSListen, gatewayStall); err != nil {
		return err
	}
	cert, err := gatewayCertificate(cfg, log)
	if err != nil {
		return err
	}
	l.gatewayTLS.TLS = cert.Config()
	return nil
}

// all returns the listeners that are open.
func (l *listeners) all() []*listener {
	return slices.DeleteFunc([]*listener{l.api, l.gateway, l.gatewayTLS, l.metrics}, func(o *listener) bool { return o == nil })
}

func (l *listeners) close() {
	for _, o := range l.all() {
		o.Close()
	}
}

func listen(variable, address string, stall time.Duration) (*listener, error) {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, explainListen(variable, address, err)
	}
	return &listener{clientconn.Listener{Listener: ln, Stall: stall}, variable}, nil
}

// serve has srv answer on the listener until srv is shut down.
func (l *listener) serve(srv *http.Server) error {
	if err := srv.Serve(&l.Listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", l.variable, err)
	}
	return nil
}

// shutDown ends a server and its connections. Those that are in use for longer than ctx
// lasts are cut, which is no failure.
func shutDown(ctx context.Context, srv *http.Server) error {
	if err := srv.Shutdown(ctx); err != nil && !errors.Is(err, ctx.Err()) {
		return err
	}
	return srv.Close()
}

// newServer returns an HTTP server that reads a request for at most readTimeout;
// 0: without a limit. Its listeners say when a client has left.
func newServer(handler http.Handler, readTimeout time.Duration, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ConnContext:       clientconn.NewContext,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),

		// OPTIONS * is answered as all that names no page is.
		DisableGeneralOptionsHandler: true,
	}
}
