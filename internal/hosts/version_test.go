package hosts_test

import (
	"testing"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
)

// TestEngineUpgradedInPlace: whatever is asked first of an engine that does not
// speak the version any more which was agreed on, it is answered.
func TestEngineUpgradedInPlace(t *testing.T) {
	for name, ask := range map[string]func(*hosts.Pool, hosts.Spec) error{
		"health":  func(p *hosts.Pool, _ hosts.Spec) error { p.CheckHealth(t.Context()); return nil },
		"create":  func(p *hosts.Pool, _ hosts.Spec) error { _, err := p.Create(t.Context(), spec(2, 9091)); return err },
		"inspect": func(p *hosts.Pool, s hosts.Spec) error { _, err := p.Inspect(t.Context(), s.Ref); return err },
		"remove":  func(p *hosts.Pool, s hosts.Spec) error { return p.Remove(t.Context(), s.Ref) },
	} {
		t.Run(name, func(t *testing.T) {
			list := servicetest.StartHosts(t, 1, pretend.Config{APIVersion: "1.41"})
			p, _ := newPool(t, list, nil)
			s := start(t, p, spec(1, 9090))
			p.CheckHealth(t.Context())
			for _, versions := range [][2]string{{"1.44", "1.51"}, {"1.24", "1.41"}} {
				list[0].SetAPIVersions(versions[0], versions[1])
				if err := ask(p, s); err != nil {
					t.Errorf("with API %s to %s: %v", versions[0], versions[1], err)
				}
				if st := p.Status()[0]; st.State != hosts.Up {
					t.Errorf("with API %s to %s: status = %+v, want up", versions[0], versions[1], st)
				}
			}
		})
	}
}
