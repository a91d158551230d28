package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"time"
)

const (
	answerTimeout = 15 * time.Second // a database that is slow takes most of it
	maxAnswer     = 16 << 20
)

// ErrNobody means that no process answers that could be asked.
var ErrNobody = errors.New("no running distributor answers")

// Ask asks the first process that answers at a control socket in folder, or [ErrNobody].
func Ask(ctx context.Context, folder string) (Hosts, error) {
	sockets, _ := filepath.Glob(filepath.Join(escape(folder), "control-*.sock"))
	for _, path := range sockets {
		dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
		h, err := ask(ctx, &http.Transport{DialContext: dial}, "http://control", "")
		if !errors.Is(err, ErrNobody) {
			return h, err
		}
	}
	return Hosts{}, ErrNobody
}

// AskTCP asks the process that listens on an address, as an operator with that token.
func AskTCP(ctx context.Context, listen, token string) (Hosts, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return Hosts{}, err
	}
	if addr, err := netip.ParseAddr(host); host == "" || err == nil && addr.IsUnspecified() {
		host = "localhost"
	}
	// A transport of its own: the default one asks the environment for a proxy.
	return ask(ctx, &http.Transport{}, "http://"+net.JoinHostPort(host, port), token)
}

func ask(ctx context.Context, transport *http.Transport, base, token string) (Hosts, error) {
	transport.DisableKeepAlives = true
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+HostsPath, http.NoBody)
	if err != nil {
		return Hosts{}, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return Hosts{}, fmt.Errorf("%w: %w", ErrNobody, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return Hosts{}, fmt.Errorf("ask the running distributor: %w", err)
	}
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound: // it has no ADMIN_TOKEN, or is another program
		return Hosts{}, ErrNobody
	default:
		var p problem
		_ = json.Unmarshal(body, &p) // without a sentence the status has to do
		return Hosts{}, fmt.Errorf("the running distributor answers %s %s", resp.Status, p.Detail)
	}
	var h Hosts
	if err := json.Unmarshal(body, &h); err != nil {
		return Hosts{}, fmt.Errorf("ask the running distributor: %w", err)
	}
	return h, nil
}
