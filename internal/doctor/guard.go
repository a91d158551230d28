package doctor

import (
	"context"
	"strings"

	"wrpdistributor/internal/hosts"
)

// guard looks whether hostguard stands before the engine. A host without one passes: it
// works, and whoever has the key is root there.
func guard(ctx context.Context, p *patient) (string, error) {
	g, has, err := p.exam.Guard(ctx)
	if err != nil {
		return "", p.fails(err, mendEngine(err))
	}
	p.guard = g
	switch {
	case !has:
		p.advice = &Mend{On: Here, Command: p.addHost() + `   # or by hand: docs/operations.md, "hostguard"`}
		return "no wrp-hostguard: whoever has the key is root on this host", nil
	case g.Bare:
		p.advise(p.closeSocket())
		return "wrp-hostguard " + g.Version + "; but the key reaches Docker without it, too, and whoever has it is root on this host", nil
	}
	return "wrp-hostguard " + g.Version + " stands before Docker", nil
}

// closeSocket leaves the key the guard's socket only.
func (p *patient) closeSocket() string {
	return "gpasswd -d " + p.SSH.User + " docker; sed -i 's|permitopen=\"[[]/var/run/docker.sock[]]:[*]\",||' ~" + p.SSH.User + "/.ssh/authorized_keys"
}

// tableByGuard says what the guard knows of the host's table; false: nothing.
func (p *patient) tableByGuard() (found string, known bool) {
	switch p.guard.Egress {
	case "loaded", "unit active":
		return "wrp-egress is active: pages do not reach the host's network", true
	case "not loaded", "unit inactive":
		p.advice = p.mendTable()
		return "wrp-egress is inactive: pages reach the host and its network", true
	}
	return "", false
}

// refusedByGuard returns what to type if it is the guard that does not let us do what is
// configured here.
func refusedByGuard(err error) string {
	if !strings.Contains(err.Error(), hosts.GuardSays) {
		return ""
	}
	return "nano /etc/wrp-hostguard.conf; wrp-hostguard --check && systemctl restart wrp-hostguard   # the setting that is named, to fit .env where the distributor runs"
}
