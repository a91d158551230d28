package hostguard

import (
	"context"
	"io"
	"net"
)

// Serve answers at ln until ctx is done.
func (g *Guard) Serve(ctx context.Context, ln net.Listener) error { return nil }

// ServeConn answers one client, that writes to in and reads from out, until it or ctx ends.
func (g *Guard) ServeConn(ctx context.Context, in io.Reader, out io.Writer) error { return nil }
