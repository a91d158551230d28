package hoststest

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

// A Release is an image in a registry of the test's own, of which this machine's engine
// has what it pulled last.
type Release struct {
	Name string // to pull it by

	t testing.TB
}

// Publish has the stand-in image in a registry that runs as long as the test, and on this
// machine's engine under the same name.
func Publish(t testing.TB) *Release {
	t.Helper()
	StandIn(t)
	srv := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(srv.Close)
	r := &Release{Name: srv.Listener.Addr().String() + "/wrp:latest", t: t}
	Docker(t, "tag", Image, r.Name)
	t.Cleanup(r.remove)
	Docker(t, "push", "-q", r.Name)
	return r
}

// Mirror has the stand-in image, under a name that is otherwise a public registry's, in a
// registry that runs as long as the test on all addresses of this machine. It is for engines
// that are told to ask this port first.
func Mirror(t testing.TB, name string) (port int) {
	t.Helper()
	StandIn(t)
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: registry.New(registry.Logger(log.New(io.Discard, "", 0))), ReadHeaderTimeout: time.Minute}
	go func() { _ = srv.Serve(l) }() // until it is closed
	t.Cleanup(func() { _ = srv.Close() })
	port = l.Addr().(*net.TCPAddr).Port
	here := fmt.Sprintf("127.0.0.1:%d/%s", port, name)
	Docker(t, "tag", Image, here)
	t.Cleanup(func() { Docker(t, "rmi", here) })
	Docker(t, "push", "-q", here)
	return port
}

// ID returns the id of the image that this machine's engine has under the name.
func (r *Release) ID() string {
	r.t.Helper()
	return Docker(r.t, "inspect", "-f", "{{.Id}}", r.Name)
}

// remove takes all that had the name from this machine's engine.
func (r *Release) remove() {
	repository, _, _ := strings.Cut(r.Name, ":latest")
	pushed := Docker(r.t, "images", "--digests", "--format", "{{.Repository}}@{{.Digest}}", repository)
	Docker(r.t, append([]string{"rmi", "-f", r.Name}, slices.Compact(slices.Sorted(strings.FieldsSeq(pushed)))...)...)
}

// Newer puts a newer image into the registry, and returns its id. The engine's is the one
// of before until somebody pulls.
func (r *Release) Newer() string {
	r.t.Helper()
	was := r.ID()
	Derive(r.t, Image, r.Name)
	id := r.ID()
	Docker(r.t, "push", "-q", r.Name)
	Docker(r.t, "tag", was, r.Name)
	return id
}
