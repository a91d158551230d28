package hoststest

import (
	"io"
	"log"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

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
