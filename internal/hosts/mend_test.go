package hosts_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"wrpdistributor/internal/hosts"
)

// TestPullThatFailsIsMended where it fails: nobody is sent in a circle.
func TestPullThatFailsIsMended(t *testing.T) {
	t.Parallel()
	far := hosts.Host{Name: "c1", Address: "c1.example", SSH: &hosts.SSH{Addr: "c1.example:22"}}
	port := hosts.Host{Name: "c2:2222", Address: "public.example", SSH: &hosts.SSH{Addr: "c2.example:2222"}}
	const save = "docker save wrp:1 | ssh root@c1.example docker load"
	for _, tt := range []struct {
		err  error
		h    hosts.Host
		want []string
	}{
		{errors.New("Get https://registry-1.docker.io/v2/: dial tcp: lookup registry-1.docker.io: no such host"), far, []string{save, "does not reach its registry"}},
		{errors.New("dial tcp: lookup registry.example on 192.0.2.1:53: server misbehaving, not found"), far, []string{save, "does not reach its registry"}},
		{errors.New("pull access denied for wrp, repository does not exist or may require 'docker login'"), far, []string{save, "correct WRP_IMAGE"}},
		{errors.New("manifest for wrp:1 not found"), hosts.Host{Name: "local"}, []string{"docker save wrp:1 >FILE, and here docker load -i FILE", "correct WRP_IMAGE"}},
		{errors.New("manifest for wrp:1 not found"), port, []string{"docker save wrp:1 | ssh -p 2222 root@c2.example docker load"}},
		{errors.New("write /var/lib/docker/tmp/x: no space left on device"), far, []string{"ssh root@c1.example 'df -h; "}},
		{fmt.Errorf("%w: connect: no route to host", hosts.ErrUnreachable), far, []string{"distributor hosts check c1"}},
	} {
		got := hosts.MendPull(tt.h, "wrp:1", tt.err)
		for _, want := range tt.want {
			if !strings.Contains(got, want) {
				t.Errorf("%v: %s, want %q", tt.err, got, want)
			}
		}
	}
}
