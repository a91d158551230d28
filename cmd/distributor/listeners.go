package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/config"
	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/httpapi"
	"wrpdistributor/internal/service"
)

const (
	headerTimeout = 10 * time.Second
	readTimeout   = 30 * time.Second // of a whole request, over a slow modem too
	idleTimeout   = 2 * time.Minute
	maxHeader     = 32 << 10
	closeTimeout  = 3 * time.Second
)

// doors is all that listens: the distributor itself and, if there is one, the
// gateway, with and without TLS.
type doors struct {
	list    []*door
	api     *httpapi.Server
	gateway *gateway.Gateway // nil: there is none
}

type door struct {
	variable string // that says where
	ln       net.Listener
	srv      *http.Server
}

// openDoors listens, and serves nobody yet.
func openDoors(cfg *config.Config, log *slog.Logger) (*doors, error) {
	d := &doors{}
	err := d.open("LISTEN", cfg.Listen, nil)
	if err == nil && cfg.Gateway.Listen != "" {
		err = d.open("GATEWAY_LISTEN", cfg.Gateway.Listen, nil)
	}
	if err == nil && cfg.Gateway.TLSListen != "" {
		var cert *gateway.Certificate
		if cert, err = certificate(cfg, log); err == nil {
			err = d.open("GATEWAY_TLS_LISTEN", cfg.Gateway.TLSListen, cert.Config())
		}
	}
	if err != nil {
		for _, o := range d.list {
			o.ln.Close()
		}
		return nil, err
	}
	return d, nil
}

func (d *doors) open(variable, address string, secure *tls.Config) error {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen on %s=%s: %w", variable, address, err)
	}
	if secure != nil {
		ln = tls.NewListener(ln, secure)
	}
	d.list = append(d.list, &door{variable: variable, ln: ln})
	return nil
}

func certificate(cfg *config.Config, log *slog.Logger) (*gateway.Certificate, error) {
	if files := cfg.Gateway.Cert; files != nil {
		c, err := gateway.LoadCertificate(files.Cert, files.Key, log)
		if err != nil {
			return nil, fmt.Errorf("GATEWAY_TLS_CERT: %w", err)
		}
		return c, nil
	}
	names := []string{"localhost", "127.0.0.1"}
	if host, _, _ := net.SplitHostPort(cfg.Gateway.TLSAddress); host != "" {
		names = append([]string{host}, names...)
	}
	return gateway.SelfSigned(cfg.DataDir, names, log)
}

// serve puts somebody behind each door.
func (d *doors) serve(cfg *config.Config, svc *service.Service, log *slog.Logger) {
	guard := auth.New(cfg.TrustedProxies, log)
	d.api = httpapi.New(httpapi.Config{
		Sessions:          svc.Sessions,
		Pool:              svc.Pool,
		Ping:              svc.DB.PingContext,
		Guard:             guard,
		AuthToken:         string(cfg.AuthToken),
		AdminToken:        string(cfg.AdminToken),
		Log:               log,
		GatewayAddress:    cfg.Gateway.Address,
		GatewayTLSAddress: cfg.Gateway.TLSAddress,
	})
	errorLog := slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	d.list[0].srv = &http.Server{
		Handler:           d.api,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          errorLog,
	}
	if len(d.list) == 1 {
		return
	}
	d.gateway = gateway.New(gateway.Config{
		Sessions:     svc.Sessions,
		Store:        svc.Store,
		Pool:         svc.Pool,
		Guard:        guard,
		Address:      named(cfg.Gateway.Address),
		FreezeAfter:  cfg.Gateway.FreezeAfter,
		DrainTimeout: cfg.StopTimeout,
		Log:          log,
	})
	svc.Sessions.SetObserver(d.gateway)
	for _, o := range d.list[1:] {
		// No time limit for requests: the gateway has its own.
		o.srv = &http.Server{
			Handler:           d.gateway,
			ReadHeaderTimeout: headerTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeader,
			ErrorLog:          errorLog,
		}
	}
}

// named returns an address that names a host, or nothing.
func named(address string) string {
	if host, _, _ := net.SplitHostPort(address); host == "" {
		return ""
	}
	return address
}

// run serves until the doors are closed.
func (d *doors) run(ctx context.Context, g *errgroup.Group) {
	for _, o := range d.list {
		g.Go(func() error {
			if err := o.srv.Serve(o.ln); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve on %s: %w", o.variable, err)
			}
			return nil
		})
	}
	if d.gateway != nil {
		g.Go(func() error { return d.gateway.Run(ctx) })
	}
}

// drain refuses further requests and waits for those under way, or for ctx.
func (d *doors) drain(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { d.api.Drain(ctx) })
	if d.gateway != nil {
		wg.Go(func() { d.gateway.Drain(ctx) })
	}
	wg.Wait()
}

func (d *doors) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	var errs []error
	for _, o := range d.list {
		errs = append(errs, o.srv.Shutdown(ctx), o.srv.Close())
	}
	if d.gateway != nil {
		d.gateway.Close()
	}
	return errors.Join(errs...)
}
