// Command wrp-standin is a WRP server without a browser: it takes the same
// flags and answers the same requests, with made-up pages. Like WRP it serves
// HTTPS only if cert.crt and private.key in the working directory are usable.
//
// Exit codes: 0 after SIGTERM or SIGINT, 1 after /shutdown/ or a failure, 2 for
// flags that it does not know.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"wrpdistributor/internal/pretend/standin"
)

var (
	errUsage    = errors.New("usage")
	errShutdown = errors.New("a client asked for the end")
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout)
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "wrp-standin:", err)
	if errors.Is(err, errUsage) {
		os.Exit(2)
	}
	os.Exit(1)
}

// run serves until ctx is done, which is no error, or until a client asks for
// the end. It does not wait for open requests: WRP does not either, and a
// container has to stop at once.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	options, err := standin.ParseArgs(args)
	if err != nil {
		// WRP would print its flags; whoever starts a container reads no manual.
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	logger, closeLog := openLog(options.Log, stdout)
	defer closeLog()
	// In a container this is the beginning of its id, which tells them apart.
	hostname, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("read the host name: %w", err)
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	handler := standin.New(standin.Config{
		Token:        options.Token,
		Hostname:     hostname,
		BrowserStart: options.BrowserStart,
		KeepPages:    options.KeepPages,
		Log:          logger,
		Shutdown:     func() { end(errShutdown) },
	})
	listeners, err := listen(options, logger)
	if err != nil {
		return err
	}
	return serve(ctx, &http.Server{Handler: handler, ReadHeaderTimeout: 30 * time.Second, ErrorLog: logger}, listeners)
}

// serve serves until ctx is done, or a listener fails.
func serve(ctx context.Context, srv *http.Server, listeners []net.Listener) (err error) {
	failed := make(chan error, len(listeners))
	var serving sync.WaitGroup
	for _, ln := range listeners {
		serving.Go(func() { failed <- srv.Serve(ln) })
	}
	select {
	case err = <-failed: // which is never that the server was closed: that comes below
	case <-ctx.Done():
		if errors.Is(context.Cause(ctx), errShutdown) {
			err = errShutdown
		}
	}
	srv.Close()
	serving.Wait()
	return err
}

// listen opens the plain address, and the other one if TLS can be served there.
// As with WRP, a certificate that cannot be used is a line in the log and no
// failure.
func listen(options standin.Options, logger *log.Logger) ([]net.Listener, error) {
	plain, err := net.Listen("tcp", options.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen for HTTP: %w", err)
	}
	logger.Print("HTTP on ", plain.Addr())
	listeners := []net.Listener{plain}
	cert, err := tls.LoadX509KeyPair(standin.CertFile, standin.KeyFile)
	if err != nil {
		logger.Print("no HTTPS: ", err)
		return listeners, nil
	}
	secure, err := tls.Listen("tcp", options.TLSListen, &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		logger.Print("no HTTPS: ", err)
		return listeners, nil
	}
	logger.Print("HTTPS on ", secure.Addr())
	return append(listeners, secure), nil
}

// openLog returns a logger to the named file, or to stdout if there is no name
// or no such file can be written.
func openLog(name string, stdout io.Writer) (*log.Logger, func()) {
	logger := log.New(stdout, "", log.LstdFlags)
	if name == "" {
		return logger, func() {}
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		logger.Print("log to standard output: ", err)
		return logger, func() {}
	}
	logger.SetOutput(file)
	return logger, func() { file.Close() }
}
